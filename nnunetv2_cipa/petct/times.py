"""DICOM's dates and times (VR DA, TM and DT) as moments that can be compared, also across midnight."""

import re
from datetime import datetime, timedelta, timezone

_TIME = r"(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?)?"
_TM = re.compile(_TIME)
_DA = re.compile(r"(?P<year>\d{4})[.\-/]?(?P<month>\d\d)[.\-/]?(?P<day>\d\d)")
_DT = re.compile(rf"(?P<date>\d{{8}}){_TIME}(?P<offset>[+-]\d{{4}})?")


def clock_time(text: str) -> timedelta | None:
    """Time since midnight of a TM (`HHMMSS.FFFFFF`, or fewer digits, or with colons); None if it is not one."""
    match = _TM.fullmatch(text.strip().replace(":", ""))
    return _since_midnight(match) if match else None


def day(text: str) -> datetime | None:
    """Midnight of a DA (`YYYYMMDD`); None if it is not one."""
    match = _DA.fullmatch(text.strip())
    try:
        return datetime(int(match["year"]), int(match["month"]), int(match["day"])) if match else None
    except ValueError:
        return None


def moment(text: str, offset_from_utc: str = "") -> datetime | None:
    """The local moment of a DT with at least date and hour; None if it is not one.

    Args:
        text: `YYYYMMDDHHMMSS.FFFFFF+ZZXX`, or fewer digits.
        offset_from_utc: TimezoneOffsetFromUTC (0008,0201) of the file, such as +0100: the local time to be returned.
            Without it an offset in the DT is taken for that of the local time.
    """
    match = _DT.fullmatch(text.strip())
    date = day(match["date"]) if match else None
    if not match or not date:
        return None
    local = date + _since_midnight(match)
    here, there = _zone(offset_from_utc), _zone(match["offset"] or "")
    if here and there:
        return local.replace(tzinfo=there).astimezone(here).replace(tzinfo=None)
    return local


def _since_midnight(match: re.Match[str]) -> timedelta:
    fraction = (match["fraction"] or "").ljust(6, "0")
    return timedelta(
        hours=int(match["hour"]),
        minutes=int(match["minute"] or 0),
        seconds=int(match["second"] or 0),
        microseconds=int(fraction),
    )


def _zone(offset: str) -> timezone | None:
    match = re.fullmatch(r"([+-])(\d\d)(\d\d)", offset.strip())
    if not match:
        return None
    away = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(away if match[1] == "+" else -away)
