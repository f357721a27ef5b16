"""Which PET series and which CT series of a study belong together, and why."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nnunetv2_cipa.errors import InputError

from .attributes import words
from .series import Series, check_volume
from .suv import is_attenuation_corrected
from .tags import named

MIN_CT_SLICES = 10
FULL_COVERAGE = 0.95
LEAST_COVERAGE = 0.5
_AXIAL = np.cos(np.deg2rad(10))
_SHARP_NAMES = ("LUNG", "BONE", "BONEPLUS", "EDGE", "YA", "YB", "YC")
_SHARP_FROM = 50
_SAME_THICKNESS = 0.01  # mm


@dataclass
class Choice:
    """The pair of a study.

    Attributes:
        ct: the CT series.
        pet: the PET series.
        coverage: share of the PET's slices within the CT.
        passed_over: the other series, with the reason of each.
        warnings: what a reader should know of the pair.
    """

    ct: Series
    pet: Series
    coverage: float
    passed_over: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def choose_pair(
    series: Sequence[Series],
    *,
    named_series: Sequence[str] = (),
    aligned: bool = False,
    unusable: Sequence[str] = (),
) -> Choice:
    """Choose the attenuation-corrected PET of a study and the CT that fits it.

    CT: same frame of reference, covering the PET best (95 % is full), soft kernel before sharp, thinnest.

    Args:
        series: of one study.
        named_series: SeriesInstanceUIDs to choose where several are possible.
        aligned: whether CT and PET are known to be aligned although their frames of reference differ.
        unusable: images of the study that are part of no series of slices, with the reason of each.

    Raises:
        InputError: there is no PET, no CT for it, or more than one are equally good.
    """
    passed_over = list(unusable)
    pets = _without([one for one in series if one.is_pet], _why_not_pet, passed_over)
    pet = _one(_wanted(pets, named_series), "attenuation-corrected PET series", passed_over)
    all_axial = abs(pet.axes[2][2]) >= _AXIAL

    def why_not_ct(one: Series) -> str | None:
        return _why_not_ct(one, pet, all_axial=all_axial, aligned=aligned)

    cts = _without([one for one in series if not one.is_pet], why_not_ct, passed_over)
    ct = _best_ct(_wanted(cts, named_series), pet, passed_over)
    coverage = covered(pet, ct)
    if coverage < LEAST_COVERAGE:
        raise InputError(
            f"{ct} covers only {coverage:.0%} of the slices of {pet}. Give the CT that was made with this PET."
        )
    warnings = [] if coverage >= FULL_COVERAGE else [f"the CT covers {coverage:.0%} of the PET's slices"]
    if ct["FrameOfReferenceUID"] != pet["FrameOfReferenceUID"]:
        warnings.append("CT and PET have different frames of reference and are taken for aligned, as was said")
    expected = pet["NumberOfSlices"]
    if expected and expected > len(pet.headers):
        warnings.append(f"{named('NumberOfSlices')} of the PET is {expected}, but {len(pet.headers)} are there")
    return Choice(ct, pet, coverage, passed_over, warnings)


def covered(pet: Series, ct: Series) -> float:
    """Share of the PET's slices whose centre lies between the first and the last CT slice."""
    normal = ct.axes[2]
    x, y, _ = pet.axes
    columns, rows, _ = pet.spacing
    middle = ((pet["Columns"] - 1) * columns * x + (pet["Rows"] - 1) * rows * y) / 2
    at = (pet.positions + middle) @ normal
    low, high = np.sort((ct.positions @ normal)[[0, -1]])
    half = ct.spacing[2] / 2
    return float(np.mean((at >= low - half) & (at <= high + half)))


def is_sharp(kernel: object) -> bool:
    """Whether a ConvolutionKernel is one for lung or bone: Siemens from 50 on, GE by name, Philips YA to YC."""
    for word in words(kernel):
        if word in _SHARP_NAMES:
            return True
        if (match := re.fullmatch(r"[A-Z]{1,2}(\d\d)[A-Z]?", word)) and int(match[1]) >= _SHARP_FROM:
            return True
    return False


def _without(series: Sequence[Series], why_not: Callable[[Series], str | None], passed_over: list[str]) -> list[Series]:
    kept = []
    for one in series:
        if reason := why_not(one):
            passed_over.append(reason if reason.startswith(str(one)) else f"{one}: {reason}")
        else:
            kept.append(one)
    return kept


def _why_not_pet(series: Series) -> str | None:
    if not is_attenuation_corrected(series.headers[0].values):
        return f"{named('CorrectedImage')} has no ATTN: not corrected for attenuation (NAC)"
    kind = set(words(series["SeriesType"])) & {"DYNAMIC", "GATED"}
    if kind:
        return f"{named('SeriesType')} is {kind.pop()}; a static series is needed"
    if (series["NumberOfTimeSlices"] or 1) > 1:
        return f"{named('NumberOfTimeSlices')} is {series['NumberOfTimeSlices']}; a static series is needed"
    return _why_no_volume(series)


def _why_not_ct(series: Series, pet: Series, *, all_axial: bool, aligned: bool) -> str | None:
    if len(series.headers) < MIN_CT_SLICES:
        return f"only {len(series.headers)} slices"
    if all_axial and abs(series.axes[2][2]) < _AXIAL:
        return "not axial, as the PET is"
    if (kind := str(series["RescaleType"] or "HU").upper()) not in ("HU", "US", "UNSPECIFIED"):
        return f"{named('RescaleType')} is {kind}, not HU"
    frames = series["FrameOfReferenceUID"], pet["FrameOfReferenceUID"]
    if not aligned and (frames[0] is None or frames[0] != frames[1]):
        return (
            f"{named('FrameOfReferenceUID')} {frames[0]} is not that of the PET, {frames[1]}; "
            "if they are aligned, say so by --aligned"
        )
    return _why_no_volume(series)


def _why_no_volume(series: Series) -> str | None:
    try:
        check_volume(series)
    except InputError as error:
        return str(error)
    return None


def _best_ct(cts: Sequence[Series], pet: Series, passed_over: list[str]) -> Series:
    """Covering the PET, soft, thin, in this order of importance."""
    rank = {}
    for ct in cts:
        share = covered(pet, ct)
        shown = 1.0 if share >= FULL_COVERAGE else share
        rank[ct.uid, ct.headers[0].path] = (
            -shown,
            is_sharp(ct["ConvolutionKernel"]),
            round(ct.spacing[2] / _SAME_THICKNESS),
        )
    ordered = sorted(cts, key=lambda ct: rank[ct.uid, ct.headers[0].path])
    best = [
        ct for ct in ordered if rank[ct.uid, ct.headers[0].path] == rank[ordered[0].uid, ordered[0].headers[0].path]
    ]
    chosen = _one(best, "CT series that fits the PET", passed_over)
    passed_over += [
        f"{ct}: the chosen one covers more of the PET, is softer or thinner" for ct in ordered if ct is not chosen
    ]
    return chosen


def _wanted(series: Sequence[Series], named_series: Sequence[str]) -> Sequence[Series]:
    return [one for one in series if one.uid in named_series] or series


def _one(series: Sequence[Series], what: str, passed_over: Sequence[str]) -> Series:
    if len(series) == 1:
        return series[0]
    if series:
        listed = "".join(f"\n    {one}" for one in series)
        raise InputError(f"{len(series)} {what} are equally possible; name one by --series UID:{listed}")
    listed = "".join(f"\n    passed over: {reason}" for reason in passed_over)
    raise InputError(f"There is no {what}.{listed}")
