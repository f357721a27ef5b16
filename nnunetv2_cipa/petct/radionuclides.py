"""Half-lives of the radionuclides of PET."""

import re

from nnunetv2_cipa.errors import InputError

from .attributes import Values, number
from .tags import named

_HALF_LIVES = {  # seconds, by mass and element (NNDC)
    "11C": 1221.8,
    "13N": 597.9,
    "15O": 122.24,
    "18F": 6586.2,
    "44SC": 14292.0,
    "62CU": 580.2,
    "64CU": 45724.0,
    "68GA": 4062.6,
    "82RB": 76.4,
    "86Y": 53064.0,
    "89ZR": 282276.0,
    "124I": 360806.0,
}
_CODES = {  # SRT as in most files, and SCT
    "C-105A1": "11C", "40565003": "11C",
    "C-107A1": "13N", "21576001": "13N",
    "C-B1038": "15O", "129504001": "15O",
    "C-111A1": "18F", "77004003": "18F",
    "C-127A2": "64CU", "3932008": "64CU",
    "C-131A3": "68GA", "35337001": "68GA",
    "C-159A2": "82RB", "79197006": "82RB",
    "C-168A4": "89ZR", "63360001": "89ZR",
    "C-114A5": "124I", "40937006": "124I",
}  # fmt: skip
_ELEMENTS = {
    "CARBON": "C", "NITROGEN": "N", "OXYGEN": "O", "FLUORINE": "F", "SCANDIUM": "SC", "COPPER": "CU", "GALLIUM": "GA",
    "RUBIDIUM": "RB", "YTTRIUM": "Y", "ZIRCONIUM": "ZR", "IODINE": "I",
}  # fmt: skip
_TOLERANCE = 0.03


def half_life_of(item: Values) -> tuple[float, str | None]:
    """Half-life in seconds, and what is to be said where the file does not have it.

    Args:
        item: of RadiopharmaceuticalInformationSequence.

    Raises:
        InputError: it is missing and the radionuclide unknown, or the two contradict each other.
    """
    code = item.get("RadionuclideCodeSequence", {})
    nuclide = _nuclide(code.get("value", ""), code.get("meaning", ""))
    known = _HALF_LIVES.get(nuclide)
    if item.get("RadionuclideHalfLife") is None and known is not None:
        return known, f"{named('RadionuclideHalfLife')} is missing: {known:g} s, that of {nuclide}"
    half_life = number(item, "RadionuclideHalfLife", "Enter it in seconds (F-18: 6586.2).")
    if half_life <= 0:
        raise InputError(f"{named('RadionuclideHalfLife')} is {half_life:g} s. Enter it in seconds (F-18: 6586.2).")
    if known is not None and abs(half_life / known - 1) > _TOLERANCE:
        raise InputError(
            f"{named('RadionuclideHalfLife')} is {half_life:g} s, but that of {nuclide} in "
            f"{named('RadionuclideCodeSequence')} is {known:g} s. Correct whichever is wrong."
        )
    if known is None:
        _refuse_other_units(half_life)
    return half_life, None


def _refuse_other_units(half_life: float) -> None:
    """Refuse a half-life that is none in seconds, but a radionuclide's in minutes or hours."""
    if any(abs(half_life / known - 1) <= _TOLERANCE for known in _HALF_LIVES.values()):
        return
    for unit, seconds in (("minutes", 60), ("hours", 3600)):
        for nuclide, known in _HALF_LIVES.items():
            if abs(half_life * seconds / known - 1) <= _TOLERANCE:
                raise InputError(
                    f"{named('RadionuclideHalfLife')} is {half_life:g} s, but {nuclide} has that many {unit}, "
                    f"{known:g} s. Enter seconds, or the radionuclide in {named('RadionuclideCodeSequence')}."
                )


def _nuclide(code: str, meaning: str) -> str:
    """Mass and symbol, such as 18F, from a code or its meaning (18F, F-18, ^18^Fluorine, Fluorine-18)."""
    if code in _CODES:
        return _CODES[code]
    text = meaning.upper()
    mass, element = re.search(r"\d+", text), re.search(r"[A-Z]+", text)
    if not mass or not element:
        return ""
    return mass[0] + _ELEMENTS.get(element[0], element[0])
