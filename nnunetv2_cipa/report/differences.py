"""Paired differences as the page draws them: a table for each measure, with intervals as bars, and sentences."""

import math
from dataclasses import dataclass

from nnunetv2_cipa.comparison import Comparison, Interval
from nnunetv2_cipa.comparison.difference_tables import Difference, differences_of
from nnunetv2_cipa.evaluation import MEASURES, Measure
from nnunetv2_cipa.evaluation.measures import LEVELS
from nnunetv2_cipa.evaluation.wording import shown, unit_shown

MAIN_MEASURE = MEASURES["dice"]
_MIDDLE, _REACH = 50, 46  # percent of the drawing's width


@dataclass(frozen=True)
class Forest:
    """An interval as a bar, in percent of the width of a drawing with 0 in its middle; NaN where there is none."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class DifferenceTable:
    """All pairs of models for one measure.

    Attributes:
        measure: Its name.
        title: The heading.
        unit: Of differences.
        scale: The value at the right end of the bars' drawing.
        rows: The differences, and their bars: the better the first model, the further to the right.
    """

    measure: str
    title: str
    unit: str
    scale: str
    rows: list[tuple[Difference, Forest]]


def difference_tables(comparison: Comparison) -> list[DifferenceTable]:
    """A table for each measure, the main one first; none where there is but one model."""
    ordered = sorted(comparison.measures(*LEVELS), key=lambda measure: measure is not MAIN_MEASURE)
    return [_difference_table(comparison, measure) for measure in ordered] if len(comparison.models) > 1 else []


def headlines(comparison: Comparison) -> list[str]:
    """For the first model and each other one a sentence about Dice per patient."""
    first = comparison.models[0].name
    differences = differences_of(comparison, MAIN_MEASURE)
    return [_sentence(difference) for difference in differences if difference.pair.first == first]


def _sentence(difference: Difference) -> str:
    pair, figure = difference.pair, difference.cells[0]
    start = f"{pair.first} minus {pair.second}: {figure.text} points"
    if not figure.interval:
        return f"{start}; too few patients for an interval."
    better = difference.better
    verdict = f"the interval is on the side of {better}" if better else "the interval holds 0: no clear difference"
    return f"{start} {figure.interval}; {verdict}."


def _difference_table(comparison: Comparison, measure: Measure) -> DifferenceTable:
    differences = differences_of(comparison, measure)
    intervals = [difference.pair.difference for difference in differences]
    ends = [abs(end) for interval in intervals for end in _ends(interval) if not math.isnan(end)]
    scale = max(ends, default=0.0) or 1.0
    sign = 1 if measure.best == "highest" else -1
    manner = {"pooled": "pooled", "patient": "mean over patients", "agreement": "over patients"}[measure.level]
    unit = unit_shown(measure, comparison.models[0].evaluation.units)
    return DifferenceTable(
        measure=measure.name,
        title=f"{measure.title}, {manner}",
        unit="points" if measure.kind == "fraction" else unit,
        scale=shown(scale, measure.kind),
        rows=[(difference, _forest(difference.pair.difference, sign / scale)) for difference in differences],
    )


def _forest(interval: Interval, scale: float) -> Forest:
    low, value, high = (_MIDDLE + _REACH * scale * end for end in _ends(interval))
    return Forest(min(low, high), value, max(low, high))


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.value, interval.high
