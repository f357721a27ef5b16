"""SUV by body weight from the header of a PET series: SUV = A W / D.

A is the activity concentration in Bq/ml (stored value times RescaleSlope), W the body weight in g and D the injected
dose in Bq, decayed to the moment that A has been corrected to. After DICOM PS3.3 C.8.9 and IBSI's SUV manual (2026).
Whatever is unknown or contradictory is refused with its tag; nothing is guessed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnunetv2_cipa.errors import InputError

from .attributes import Values, number, shared, words
from .body import suv_type_factor
from .decay_times import acquisition_times, computed_back, frame_duration, injection_time, reference_time
from .radionuclides import half_life_of
from .tags import named

MBQ_BELOW = 1e5
"""A dose below this many Bq was entered in MBq."""

_GRAMS_FROM = 1000.0  # kg
_USUAL_UPTAKE = (20.0, 180.0)  # min, of FDG
_WORTH_A_WARNING = 0.02
_MUST_AGREE = ("Units", "DecayCorrection", "PatientWeight", "SeriesDate", "SeriesTime", "SUVType", "Manufacturer")


@dataclass(frozen=True)
class SuvScale:
    """How a PET series becomes SUV.

    Attributes:
        factors: SUV for one unit of stored value * RescaleSlope, for each slice in the order given.
        rule: which rule they come from, in words.
        values: what they were computed from, for the record.
        warnings: what a reader should know.
    """

    factors: tuple[float, ...]
    rule: str
    values: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


def suv_scale(slices: Sequence[Values], weight: float | None = None) -> SuvScale:
    """Find the rule for a static PET series and its factors.

    Args:
        slices: attributes of every slice, by keyword.
        weight: of the patient in kg, where the header's is missing or wrong.

    Raises:
        InputError: something that the factor depends on is missing, contradictory or not covered.
    """
    for keyword in _MUST_AGREE:
        shared(slices, keyword)
    _check_corrections(slices)
    first = slices[0]
    units = str(first.get("Units", "")).upper()
    rescaled = [number(values, "RescaleIntercept", "A PET image must have it.") for values in slices]
    if any(rescaled):
        raise InputError(
            f"{named('RescaleIntercept')} is {max(rescaled, key=abs):g}, but 0 in PET. Export the series again."
        )
    if units == "GML":
        suv_type = str(first.get("SUVType", "")).upper()
        factor, rule = suv_type_factor(suv_type or "BW", first, weight)
        return SuvScale((factor,) * len(slices), f"GML: {rule}", {"Units": units, "SUVType": suv_type})
    if units == "CM2ML":
        factor, rule = suv_type_factor("BSA", first, weight)
        return SuvScale((factor,) * len(slices), f"CM2ML: {rule}", {"Units": units})
    if units == "CNTS":
        return _philips_counts(slices, weight)
    if units == "BQML":
        return _from_activity(slices, (1.0,) * len(slices), "BQML", weight)
    raise InputError(
        f"{named('Units')} is {units or 'missing'}: only BQML, GML, CM2ML and Philips' CNTS become SUV. "
        "Export the series in BQML."
    )


def is_attenuation_corrected(values: Values) -> bool:
    """Whether CorrectedImage holds ATTN: without it the image is a NAC reconstruction, whose values are no uptake."""
    return "ATTN" in words(values.get("CorrectedImage"))


def body_weight(values: Values, weight: float | None) -> tuple[float, str | None]:
    """Body weight in kg, and what is to be said where it was not entered in kg.

    Raises:
        InputError: it is missing or not above 0.
    """
    remedy = "Give the weight by --weights."
    kilograms = number(values, "PatientWeight", remedy) if weight is None else weight
    if kilograms <= 0:
        raise InputError(f"{named('PatientWeight')} is {kilograms:g} kg. {remedy}")
    if kilograms > _GRAMS_FROM:
        return kilograms / 1000, f"{named('PatientWeight')} {kilograms:g} taken for grams"
    return kilograms, None


def _check_corrections(slices: Sequence[Values]) -> None:
    """Refuse images without correction for attenuation, and contradictions about that for decay."""
    for values in slices:
        corrections = words(values.get("CorrectedImage"))
        if not is_attenuation_corrected(values):
            raise InputError(
                f"{named('CorrectedImage')} is {_listed(corrections)}, without ATTN: the image is not corrected for "
                "attenuation (NAC). Give the corrected series."
            )
        decay = str(values.get("DecayCorrection", "")).upper()
        if decay == "NONE" and "DECY" in corrections:
            raise InputError(
                f"{named('DecayCorrection')} is NONE, but {named('CorrectedImage')} has DECY: contradictory."
            )
        if decay != "NONE" and "DECY" not in corrections:
            raise InputError(
                f"{named('CorrectedImage')} is {_listed(corrections)}, without DECY, but {named('DecayCorrection')} is "
                f"{decay or 'missing'}: the image is not corrected for decay. Give the corrected series."
            )


def _philips_counts(slices: Sequence[Values], weight: float | None) -> SuvScale:
    """Philips stores counts, and in private attributes the factors to SUV or to Bq/ml; 0 stands for none."""
    to_suv = [_philips_factor(values, "PhilipsSUVScaleFactor") for values in slices]
    if all(to_suv):
        rule = f"CNTS: times {named('PhilipsSUVScaleFactor')}"
        return SuvScale(tuple(to_suv), rule, {"Units": "CNTS", "PhilipsSUVScaleFactor": to_suv[0]})
    to_activity = [_philips_factor(values, "PhilipsActivityScaleFactor") for values in slices]
    if all(to_activity):
        return _from_activity(slices, to_activity, f"CNTS times {named('PhilipsActivityScaleFactor')}", weight)
    raise InputError(
        f"{named('Units')} is CNTS, but neither {named('PhilipsSUVScaleFactor')} nor "
        f"{named('PhilipsActivityScaleFactor')} is there in every slice: counts cannot become SUV. Export the series "
        "in BQML, or with its private attributes."
    )


def _philips_factor(values: Values, keyword: str) -> float:
    remedy = "Export the series in BQML."
    factor = number(values, keyword, remedy) if values.get(keyword) else 0.0
    if factor < 0:
        raise InputError(f"{named(keyword)} is {factor:g}, below 0. {remedy}")
    return factor


def _from_activity(
    slices: Sequence[Values], to_activity: Sequence[float], origin: str, weight: float | None
) -> SuvScale:
    """SUV = A W / D with A in Bq/ml."""
    first = slices[0]
    kilograms, weight_note = body_weight(first, weight)
    item = _radiopharmaceutical(slices)
    dose, dose_note = _dose(item)
    half_life, half_life_note = half_life_of(item)
    decay = math.log(2) / half_life
    correction = str(first.get("DecayCorrection", "")).upper()
    values: dict[str, Any] = {
        "weight_kg": kilograms,
        "dose_Bq": dose,
        "half_life_s": half_life,
        "DecayCorrection": correction,
    }
    notes = [note for note in (weight_note, dose_note, half_life_note) if note]
    undecayed = [1000 * kilograms / dose * factor for factor in to_activity]
    if correction == "ADMIN":
        return SuvScale(tuple(undecayed), f"{origin}, corrected to the injection (ADMIN)", values, tuple(notes))
    if correction not in ("START", "NONE"):
        raise InputError(f"{named('DecayCorrection')} is {correction or 'missing'}, not START, ADMIN or NONE.")
    acquired = acquisition_times(slices)
    offset = str(first.get("TimezoneOffsetFromUTC", ""))
    if correction == "NONE":
        injected, note = injection_time(item, min(acquired), min(acquired), half_life, offset)
        values |= {"injected": str(injected), "acquired": str(min(acquired))}
        factors = [
            factor * math.exp(decay * (start - injected).total_seconds()) * _mean_decay(decay * frame_duration(one))
            for factor, start, one in zip(undecayed, acquired, slices, strict=True)
        ]
        rule = f"{origin}, not corrected for decay (NONE): each slice by its own time"
        return SuvScale(tuple(factors), rule, values, (*notes, *filter(None, [note])))
    reference = reference_time(slices, acquired, decay)
    injected, note = injection_time(item, reference.time, min(acquired), half_life, offset)
    uptake = (reference.time - injected).total_seconds()
    values |= {"injected": str(injected), "reference": str(reference.time), "uptake_min": uptake / 60}
    notes += [
        text
        for text in (note, _uptake_note(item, uptake), _disagreement(slices, acquired, decay, reference.time))
        if text
    ]
    factors = [factor * math.exp(decay * uptake) for factor in undecayed]
    return SuvScale(tuple(factors), f"{origin}, corrected to the start: {reference.source}", values, tuple(notes))


def _mean_decay(decayed: float) -> float:
    """Activity at the start of a frame over its mean, x / (1 - e^-x), x being the decay constant times duration."""
    return decayed / -math.expm1(-decayed)


def _radiopharmaceutical(slices: Sequence[Values]) -> Values:
    items: Sequence[Values] = shared(slices, "RadiopharmaceuticalInformationSequence") or []
    if len(items) != 1:
        raise InputError(
            f"{named('RadiopharmaceuticalInformationSequence')} has {len(items)} items, not one: the dose is unknown."
        )
    return items[0]


def _dose(item: Values) -> tuple[float, str | None]:
    remedy = "Enter the injected dose in Bq."
    dose = number(item, "RadionuclideTotalDose", remedy)
    if dose <= 0:
        raise InputError(f"{named('RadionuclideTotalDose')} is {dose:g} Bq. {remedy}")
    if dose < MBQ_BELOW:
        return dose * 1e6, f"{named('RadionuclideTotalDose')} {dose:g} taken for MBq"
    return dose, None


def _uptake_note(item: Values, uptake: float) -> str | None:
    code = item.get("RadiopharmaceuticalCodeSequence", {}).get("meaning", "")
    text = f"{item.get('Radiopharmaceutical', '')} {code}".lower()
    low, high = _USUAL_UPTAKE
    if ("fdg" in text or "deoxyglucose" in text) and not low <= uptake / 60 <= high:
        return f"{uptake / 60:.0f} min from injection to scan, unusual for FDG ({low:g} to {high:g})"
    return None


def _disagreement(slices: Sequence[Values], acquired: Sequence[Any], decay: float, reference: Any) -> str | None:  # noqa: ANN401
    try:
        times = computed_back(slices, acquired, decay)
    except InputError:
        return None  # only a second opinion, and the file has none
    ratio = max(math.exp(decay * abs((time - reference).total_seconds())) for time in times)
    if ratio - 1 > _WORTH_A_WARNING:
        return (
            f"{named('FrameReferenceTime')} would lead to another reference time: SUV up to {ratio - 1:.1%} different"
        )
    return None


def _listed(corrections: Sequence[str]) -> str:
    return "\\".join(corrections) or "missing"
