"""The ways in which scanners store uptake in DICOM, all of which mean the same SUV."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

Storage = Literal[
    "siemens",
    "ge",
    "reprocessed",
    "philips-bqml",
    "philips-counts",
    "philips-counts-bqml",
    "gml",
    "admin",
    "uncorrected",
]
STORAGES: tuple[Storage, ...] = get_args(Storage)

WEIGHT = 72.5  # kg
DOSE = 351.5e6  # Bq
HALF_LIFE = 6586.2  # s
INJECTED = datetime(2024, 3, 5, 22, 51, 30)
UPTAKE = timedelta(minutes=62)
BED_DURATION = timedelta(seconds=305)
FRAME = timedelta(seconds=290)

_DECAY = math.log(2) / HALF_LIFE
_GE_TIME = (0x0009, "GEMS_PETD_01", 0x0D)
_PHILIPS_SUV = (0x7053, "Philips PET Private Group", 0x00)
_PHILIPS_ACTIVITY = (0x7053, "Philips PET Private Group", 0x09)


@dataclass(frozen=True)
class StoredSlice:
    """How one slice is stored.

    Attributes:
        unit: SUV of one unit of stored value times slope.
        attributes: DICOM keywords and values.
        private: values by (group, creator, element).
    """

    unit: float
    attributes: dict[str, Any]
    private: dict[tuple[int, str, int], tuple[str, Any]]


def stored_slices(storage: Storage, beds: Sequence[int]) -> list[StoredSlice]:
    """How the slices of a PET are stored.

    - siemens: Bq/ml at the start of the series, which is that of the first bed.
    - ge: likewise, but the series was reconstructed anew later; the scan's start is in a private attribute.
    - reprocessed: likewise without it; FrameReferenceTime leads back to the start.
    - philips-bqml: Bq/ml, with private factors that must be ignored.
    - philips-counts: counts with a private factor to SUV.
    - philips-counts-bqml: counts with a private factor to Bq/ml.
    - gml: SUV.
    - admin: Bq/ml, corrected to the injection.
    - uncorrected: Bq/ml as measured in each bed, without correction for decay.

    Args:
        storage: which of them.
        beds: number of the bed, from 0 on, of each slice.
    """
    return [_stored(storage, bed) for bed in beds]


def _stored(storage: Storage, bed: int) -> StoredSlice:
    start = INJECTED + UPTAKE
    acquired = start + bed * BED_DURATION
    later = start + timedelta(hours=3)
    after_start = (acquired - start).total_seconds()
    decayed = _DECAY * FRAME.total_seconds()
    mean_time = math.log(decayed / -math.expm1(-decayed)) / _DECAY
    series = later if storage in ("ge", "reprocessed") else start
    attributes: dict[str, Any] = {
        "Manufacturer": {"g": "GE MEDICAL SYSTEMS", "p": "Philips Medical Systems"}.get(storage[0], "SIEMENS"),
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"],
        "SeriesDate": f"{series:%Y%m%d}",
        "SeriesTime": f"{series:%H%M%S.%f}",
        "AcquisitionDate": f"{acquired:%Y%m%d}",
        "AcquisitionTime": f"{acquired:%H%M%S.%f}",
        "ActualFrameDuration": round(1000 * FRAME.total_seconds()),
        "FrameReferenceTime": round(1000 * (after_start + (0 if storage == "ge" else mean_time)), 3),
    }
    private: dict[tuple[int, str, int], tuple[str, Any]] = {}
    at_start = 1000 * WEIGHT / DOSE * math.exp(_DECAY * UPTAKE.total_seconds())
    unit = at_start
    if storage == "ge":
        private[_GE_TIME] = ("DT", f"{start:%Y%m%d%H%M%S.%f}")
    elif storage == "philips-bqml":
        private = {_PHILIPS_SUV: ("DS", "0.00123"), _PHILIPS_ACTIVITY: ("DS", "4.7")}
    elif storage == "philips-counts":
        attributes["Units"], unit = "CNTS", 0.000728
        private[_PHILIPS_SUV] = ("DS", "0.000728")
    elif storage == "philips-counts-bqml":
        attributes["Units"], unit = "CNTS", at_start * 1.602563
        private = {_PHILIPS_SUV: ("DS", "0"), _PHILIPS_ACTIVITY: ("DS", "1.602563")}
    elif storage == "gml":
        attributes |= {"Units": "GML", "SUVType": "BW", "DecayCorrection": "ADMIN"}
        unit = 1.0
    elif storage == "admin":
        attributes["DecayCorrection"] = "ADMIN"
        unit = 1000 * WEIGHT / DOSE
    elif storage == "uncorrected":
        attributes |= {"DecayCorrection": "NONE", "CorrectedImage": ["NORM", "DTIM", "ATTN", "SCAT", "RAN"]}
        unit = at_start * math.exp(_DECAY * after_start) * decayed / -math.expm1(-decayed)
    return StoredSlice(unit, attributes, private)
