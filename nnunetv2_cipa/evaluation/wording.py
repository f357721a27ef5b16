"""Numbers as people read them, alike in every table: plain text, whose minus signs are hyphens."""

import math

from .cases import Units
from .measures import Kind, Measure

UNDEFINED = "-"
SMALLEST_P = 0.001


def shown(value: float, kind: Kind | None = None, *, decimals: int = 2, signed: bool = False) -> str:
    """A measure, a fraction in percent, with two digits behind the point and from 1000 on without any."""
    if math.isnan(value):
        return UNDEFINED
    scaled = 100 * value if kind == "fraction" else value
    scaled = round(scaled, 0 if abs(scaled) >= 1000 else decimals) + 0.0  # which makes 0 of -0
    return f"{scaled:{'+' if signed else ''},.{0 if abs(scaled) >= 1000 else decimals}f}"


def shown_interval(low: float, high: float, kind: Kind | None = None, *, signed: bool = False) -> str:
    """The ends of an interval in brackets, empty where there are none."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{shown(low, kind, signed=signed)}, {shown(high, kind, signed=signed)}]"


def shown_p(value: float) -> str:
    """A p-value."""
    if math.isnan(value):
        return UNDEFINED
    return f"{value:.3f}" if value >= SMALLEST_P else f"< {SMALLEST_P}"


def amount(value: float) -> str:
    """A size or a count: three digits, and all of those before the point; thousands apart."""
    if math.isnan(value):
        return UNDEFINED
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.0e}"


def unit_shown(measure: Measure, used: Units) -> str:
    """The unit of a measure as it is shown, percent for a fraction; empty for what has none."""
    return "%" if measure.kind == "fraction" else volume_unit_shown(measure.unit(used))


def volume_unit_shown(unit: str) -> str:
    """A unit of `Units` as it is shown."""
    return {"mm2": "mm²"}.get(unit, unit)


def heading(measure: Measure, used: Units) -> str:
    """Title and unit of a measure."""
    return f"{measure.title} {unit_shown(measure, used)}".strip()
