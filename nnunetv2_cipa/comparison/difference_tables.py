"""Paired differences, worded: of each pair of models for Markdown and LaTeX, of each measure for the report."""

import math
from dataclasses import dataclass

from nnunetv2_cipa.evaluation import Measure
from nnunetv2_cipa.evaluation.measures import LEVELS
from nnunetv2_cipa.evaluation.wording import UNDEFINED, shown, shown_interval, shown_p

from .comparison import ComparedModel, Comparison, PairedDifference
from .figure_tables import full_heading
from .statistics import smallest_p_value
from .table import Cell, Table

COLUMNS = ("difference", "patients", "better / equal / worse", "p", "p (Holm)")
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """Two models and one measure, worded.

    Attributes:
        pair: What is worded.
        measure: Its measure.
        cells: As `COLUMNS` say, bold where the interval does not hold 0.
        better: Name of the model in whose favour the whole interval is, empty where it holds 0.
    """

    pair: PairedDifference
    measure: Measure
    cells: tuple[Cell, ...]
    better: str


def differences_of(comparison: Comparison, measure: Measure) -> list[Difference]:
    """The differences of all pairs of models."""
    return [_worded(pair, measure) for pair in comparison.differences if pair.measure == measure.name]


def pair_table(comparison: Comparison, first: ComparedModel, second: ComparedModel) -> Table:
    """All measures of two models."""
    rows = []
    for measure in comparison.measures(*LEVELS):
        difference = _worded(comparison.difference(first.name, second.name, measure.name), measure)
        rows.append((Cell(full_heading(comparison, measure)), *difference.cells))
    columns = tuple(map(Cell, ("", *COLUMNS)))
    return Table(f"{first.name} minus {second.name}", columns, tuple(rows), difference_notes(comparison))


def difference_notes(comparison: Comparison) -> tuple[str, ...]:
    """What one must know to read differences."""
    pairs = math.comb(len(comparison.models), 2)
    patients = len(comparison.models[0].evaluation.patients)
    notes = [
        "Of the same patients; bold where the interval does not hold 0. Better and worse: patients for whom the first "
        "model is. p: Wilcoxon's signed-rank test on patients, two-sided; Holm: corrected for the number of pairs of "
        f"models ({pairs}), but not for that of measures: choose one before you look."
    ]
    smallest = smallest_p_value(patients)
    if smallest * pairs > _SIGNIFICANT:
        notes.append(
            f"With {patients} patient{'s' * (patients != 1)} p cannot be smaller than {min(1.0, smallest):.3g}, nor p "
            f"(Holm) than {min(1.0, smallest * pairs):.3g}: whatever the models are, no difference can be significant "
            f"at {_SIGNIFICANT}."
        )
    if any(measure.best == "zero" for measure in comparison.measures(*LEVELS)):
        notes.append("Of measures that are best at 0 the difference is that of the distances from 0.")
    return tuple(notes)


def _worded(pair: PairedDifference, measure: Measure) -> Difference:
    interval, test = pair.difference, pair.test
    better = ""
    if interval.low > 0 or interval.high < 0:
        better = pair.first if (interval.low > 0) == (measure.best == "highest") else pair.second
    shown_difference = Cell(
        shown(interval.value, measure.kind, signed=True),
        shown_interval(interval.low, interval.high, measure.kind, signed=True),
        bold=bool(better),
    )
    of_test = [UNDEFINED] * 4
    if test is not None:
        counts = f"{test.wins} / {test.ties} / {test.losses}"
        of_test = [str(interval.defined), counts, shown_p(test.p_value), shown_p(test.p_holm)]
    return Difference(pair, measure, (shown_difference, *map(Cell, of_test)), better)
