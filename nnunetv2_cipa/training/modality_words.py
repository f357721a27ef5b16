"""The modality that a channel's name tells, such as PETres, SUVbw, CTAC or 18F-FDG."""

import re
from collections.abc import Iterable

_STEMS = {
    "CT": ("ct", "hu", "hounsfield", "computed", "transmission"),
    "PET": (
        *("pet", "pt", "positron", "emission", "uptake", "suv", "sul", "fdg", "fluorodeoxyglucose", "psma", "fapi"),
        *("dotatate", "dotatoc", "dotanoc", "fluciclovine", "choline", "fdopa", "fmiso", "fet", "flt", "naf"),
    ),
}
_DISTINCT = {"CT": ("ct",), "PET": ("suv", "fdg", "psma")}
"""What may follow these in a word need not be known: other words do not begin so."""

_AFFIXES = (
    *(
        "res",
        "resampled",
        "reg",
        "registered",
        "aligned",
        "crop",
        "cropped",
        "norm",
        "normalised",
        "normalized",
        "orig",
    ),
    *("ac", "nac", "attenuation", "corrected", "bw", "lbm", "bsa", "body", "weight", "max", "mean", "peak", "std"),
    *(
        "ld",
        "ce",
        "nc",
        "cb",
        "wb",
        "low",
        "dose",
        "contrast",
        "enhanced",
        "non",
        "whole",
        "total",
        "diagnostic",
        "auto",
    ),
    *("image", "img", "im", "vol", "volume", "scan", "slice", "series", "map", "data", "channel", "raw", "windowed"),
    *("auto", "orig", "syn", "synthetic", "pseudo", "s", "r", "w", "f", "ga"),
)


def _one_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_ANY = f"{_one_of((*_STEMS['CT'], *_STEMS['PET'], *_AFFIXES))}*"
_TELLING = {
    modality: re.compile(f"{_ANY}{_one_of(stems)}{_ANY}|{_ANY}{_one_of(_DISTINCT[modality])}.*")
    for modality, stems in _STEMS.items()
}
_DESTINATION = re.compile(r"(?:[\W_]+(?:in)?to|2|[\W_]+on)[\W_]*[A-Za-z]+$")
"""What a channel was resampled or registered to, which is the other modality."""
_WORD = re.compile(r"[^\W\d_]+")
_SPELLED_BY_CASE = re.compile(r"[A-Z]{2,}|[A-Z]?[a-z]+")
"""SUV and bw in SUVbw."""


def modality_of(name: str) -> str | None:
    """CT or PET if a channel's name tells one of them, None if it tells neither or both.

    A name is taken apart where no letters are and where the case changes. A word tells a modality if it consists of
    known parts (petres, ldct, fdgpet); others, such as carpet and product, do not.
    """
    own = _DESTINATION.sub("", name)
    words = {word.lower() for pattern in (_WORD, _SPELLED_BY_CASE) for word in pattern.findall(own)}
    told = [modality for modality, pattern in _TELLING.items() if any(map(pattern.fullmatch, words))]
    return told[0] if len(told) == 1 else None
