"""Numbers as people read them."""

import math

from nnunetv2_cipa.comparison import Interval

NOTHING = "\N{EN DASH}"  # where a value is undefined
_MINUS = "\N{MINUS SIGN}"  # as long as a plus
_SMALLEST_P = 1e-4


def amount(value: float) -> str:
    """A size or a count: three digits, and all of those before the point; thousands apart."""
    if math.isnan(value):
        return NOTHING
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.0e}"


def shown(value: float, kind: str, *, sign: str = "") -> str:
    """A measure with two digits behind the point, from 1000 on without: fractions in percent."""
    if math.isnan(value):
        return NOTHING
    scaled = 100 * value if kind == "fraction" else value
    scaled = 0.0 if abs(scaled) < 0.005 else scaled  # no minus before zero
    return f"{scaled:{sign},.{0 if abs(scaled) >= 1000 else 2}f}".replace("-", _MINUS)


def shown_difference(value: float, kind: str) -> str:
    """The same with its sign, plus included."""
    return shown(value, kind, sign="+")


def shown_range(interval: Interval, kind: str, *, signed: bool = False) -> str:
    """The ends of an interval, empty where there are none."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    show = shown_difference if signed else shown
    return f"{show(interval.low, kind)} to {show(interval.high, kind)}"


def shown_p(value: float) -> str:
    """A p-value."""
    if math.isnan(value):
        return NOTHING
    return f"< {_SMALLEST_P:.4f}" if value < _SMALLEST_P else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def unit_shown(unit: str) -> str:
    """A unit of `Units` as printed; percent for fractions, which have none."""
    return {"": "%", "mm2": "mm²"}.get(unit, unit)
