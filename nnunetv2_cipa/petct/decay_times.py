"""When a tracer was injected, and the moment that a series' activity has been corrected to for decay."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nnunetv2_cipa.errors import InputError

from .attributes import Values, number
from .tags import named
from .times import clock_time, day, moment

_TOLERANCE = timedelta(seconds=1)  # a Siemens file is acquired 5 us before its own SeriesTime
_AGREEMENT = 2.0  # s, of the reference times that the slices give
_PLAUSIBLE_UPTAKE = timedelta(hours=6)
_LONG_LIVED = 11.5 * 3600  # s: its uptake can span days, so that a clock without a date says nothing
_LONGEST_SCAN = timedelta(hours=6)
_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class Reference:
    """The moment that activity has been corrected to, and how it is known."""

    time: datetime
    source: str


def acquisition_times(slices: Sequence[Values]) -> list[datetime]:
    """Start of each slice's acquisition.

    A slice without a date of its own has that of the series or, if it began more than 12 hours before the last one by
    the clock, the day after: its bed came after midnight.

    Raises:
        InputError: a slice has no date or time.
    """
    times, undated = [], []
    for values in slices:
        clock = clock_time(str(values.get("AcquisitionTime", "")))
        date = day(str(values.get("AcquisitionDate") or values.get("SeriesDate") or ""))
        if clock is None or date is None:
            keyword = "AcquisitionTime" if clock is None else "AcquisitionDate"
            raise InputError(
                f"{named(keyword)} is {_shown(values.get(keyword))}, so that the time since injection is unknown. "
                "Export the series again with its dates and times."
            )
        times.append(date + clock)
        undated.append("AcquisitionDate" not in values)
    latest = max(times)
    return [
        time + timedelta(days=1) if no_date and latest - time > _HALF_A_DAY else time
        for time, no_date in zip(times, undated, strict=True)
    ]


def reference_time(slices: Sequence[Values], acquired: Sequence[datetime], decay: float) -> Reference:
    """The one moment that all slices of a series with DecayCorrection START are corrected to.

    In this order: the vendor's own attribute; date and time of the series if it began no later than the first
    acquisition; else computed back from each slice's FrameReferenceTime.

    Args:
        slices: attributes of every slice.
        acquired: start of each slice's acquisition.
        decay: constant of the radionuclide in 1/s.

    Raises:
        InputError: nothing gives one moment for all slices.
    """
    first, latest = min(acquired), min(acquired) + _TOLERANCE
    for keyword in ("GEScanDateTime", "SiemensReferenceDateTime"):
        time = moment(str(slices[0].get(keyword, "")), str(slices[0].get("TimezoneOffsetFromUTC", "")))
        if time and first - _LONGEST_SCAN <= time <= latest:
            return Reference(time, named(keyword))
    date, clock = day(str(slices[0].get("SeriesDate", ""))), clock_time(str(slices[0].get("SeriesTime", "")))
    if date and clock is not None and date + clock <= latest:
        return Reference(date + clock, "SeriesDate (0008,0021) and SeriesTime (0008,0031)")
    times = computed_back(slices, acquired, decay)
    spread = (max(times) - min(times)).total_seconds()
    if spread > _AGREEMENT:
        raise InputError(
            f"The reference time of the decay correction is unknown: {named('SeriesTime')} "
            f"{_shown(slices[0].get('SeriesTime'))} is later than the first acquisition, {first}, and "
            f"{named('FrameReferenceTime')} leads to times between {min(times)} and {max(times)}. "
            "Export the series again from the scanner, in its original form."
        )
    return Reference(times[0], f"AcquisitionTime (0008,0032) less {named('FrameReferenceTime')}")


def computed_back(slices: Sequence[Values], acquired: Sequence[datetime], decay: float) -> list[datetime]:
    """Each slice's reference time from its acquisition: t + T_average - FrameReferenceTime (IBSI's SUV manual).

    GE counts FrameReferenceTime up to the start of a frame, and so does whoever writes 0; others up to the time at
    which the frame's mean activity is reached, T_average = ln(x / (1 - e^-x)) / decay, x = decay * duration.

    Raises:
        InputError: FrameReferenceTime or ActualFrameDuration is missing.
    """
    times = []
    for values, start in zip(slices, acquired, strict=True):
        remedy = "Without it the reference time of the decay correction is unknown; export the series again."
        counted = number(values, "FrameReferenceTime", remedy) / 1000
        if counted and not str(values.get("Manufacturer", "")).upper().startswith("GE"):
            decayed = decay * frame_duration(values)
            counted -= math.log(decayed / -math.expm1(-decayed)) / decay
        times.append(start - timedelta(seconds=counted))
    return times


def frame_duration(values: Values) -> float:
    """ActualFrameDuration in seconds.

    Raises:
        InputError: it is missing or not above 0.
    """
    milliseconds = number(
        values, "ActualFrameDuration", "The decay during a frame is unknown; export the series again."
    )
    if milliseconds <= 0:
        raise InputError(f"{named('ActualFrameDuration')} is {milliseconds:g} ms. Export the series again.")
    return milliseconds / 1000


def injection_time(
    radiopharmaceutical: Values, reference: datetime, acquired: datetime, half_life: float, offset_from_utc: str
) -> tuple[datetime, str | None]:
    """When the tracer was injected, and what is to be said of a date that had to be put right.

    Args:
        radiopharmaceutical: the one item of RadiopharmaceuticalInformationSequence.
        reference: the moment that uptake is counted to.
        acquired: start of the first acquisition, whose date a time without one has.
        half_life: of the radionuclide in seconds.
        offset_from_utc: TimezoneOffsetFromUTC (0008,0201), or nothing.

    Raises:
        InputError: it is missing, or after the scan, or its date cannot be right.
    """
    full = str(radiopharmaceutical.get("RadiopharmaceuticalStartDateTime", ""))
    clock = clock_time(str(radiopharmaceutical.get("RadiopharmaceuticalStartTime", "")))
    injected = moment(full, offset_from_utc)
    if injected is None and clock is not None and (date := day(full[:8])):
        injected = date + clock
    if injected is not None:
        uptake = reference - injected
        if timedelta(0) <= uptake < max(_PLAUSIBLE_UPTAKE, timedelta(seconds=2 * half_life)):
            return injected, None
        _refuse_long_lived(half_life, f"{named('RadiopharmaceuticalStartDateTime')} {full} cannot be right")
        injected = _on_day_of(
            injected - injected.replace(hour=0, minute=0, second=0, microsecond=0), reference, acquired
        )
        return injected, (
            f"{named('RadiopharmaceuticalStartDateTime')} {full} is {uptake.total_seconds() / 60:.0f} min before the "
            f"reference time {reference}: taken for {injected}, the same time on the scan's date"
        )
    if clock is None:
        raise InputError(
            f"{named('RadiopharmaceuticalStartDateTime')} and {named('RadiopharmaceuticalStartTime')} are missing: the "
            "time since injection is unknown. Export the series again with them."
        )
    _refuse_long_lived(half_life, f"{named('RadiopharmaceuticalStartDateTime')} is missing")
    return _on_day_of(clock, reference, acquired), None


def _on_day_of(clock: timedelta, reference: datetime, acquired: datetime) -> datetime:
    """A time of day on the date of the acquisition or, where it is later than the reference time, the day before."""
    injected = acquired.replace(hour=0, minute=0, second=0, microsecond=0) + clock
    if injected <= reference:
        return injected
    if reference - (injected - timedelta(days=1)) < _PLAUSIBLE_UPTAKE:
        return injected - timedelta(days=1)
    raise InputError(
        f"Injection after the scan: {named('RadiopharmaceuticalStartTime')} gives {injected}, but the activity is that "
        f"of {reference}. Correct the time of injection."
    )


def _refuse_long_lived(half_life: float, fault: str) -> None:
    if half_life > _LONG_LIVED:
        raise InputError(
            f"{fault}, and with a half-life of {half_life / 3600:.1f} h the injection may have been days before. "
            "Enter the date and time of injection."
        )


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)
