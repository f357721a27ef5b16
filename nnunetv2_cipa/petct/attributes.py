"""Attributes of the slices of a series: one value for all of them, numbers, and what is said where they are not so."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nnunetv2_cipa.errors import InputError

from .tags import named

Values = Mapping[str, Any]


def shared(slices: Sequence[Values], keyword: str) -> Any:  # noqa: ANN401 - whatever the attribute holds
    """The value that all slices have; None where all lack it.

    Raises:
        InputError: they differ.
    """
    first = slices[0].get(keyword)
    for values in slices[1:]:
        if values.get(keyword) != first:
            raise InputError(
                f"{named(keyword)} differs between the slices of a series: {first!r} and {values.get(keyword)!r}. "
                "Separate what does not belong together."
            )
    return first


def number(values: Values, keyword: str, remedy: str) -> float:
    """A finite number.

    Raises:
        InputError: it is missing or no number; the message ends with the remedy.
    """
    value = values.get(keyword)
    if value is None:
        raise InputError(f"{named(keyword)} is missing. {remedy}")
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise InputError(f"{named(keyword)} is {value!r}, not a number. {remedy}")
    return result


def words(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - one text or several
    """The values of an attribute of one or several texts, in upper case."""
    several = (value,) if isinstance(value, str) else (value or ())
    return tuple(str(word).strip().upper() for word in several)
