"""The page's tables, worded: what the template puts into cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nnunetv2_cipa.comparison import QUANTITIES, Comparison, Interval, PairedDifference, Quantity
from nnunetv2_cipa.comparison.published import PublishedRow

from .wording import amount, shown, shown_difference, shown_p, shown_range, unit_shown

MAIN_QUANTITY = "dice"
_GIGA, _MEGA = 1e9, 1e6


@dataclass(frozen=True)
class Cell:
    """A figure.

    Attributes:
        value: Worded.
        range: Its interval, empty where there is none.
        is_best: Whether no other model's is better.
    """

    value: str
    range: str
    is_best: bool


@dataclass(frozen=True)
class Forest:
    """An interval as a bar, in percent of the width of a drawing with 0 in its middle; NaN where there is none."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class DifferenceRow:
    """Two models and one quantity.

    Attributes:
        first: Name of a model, and `second`.
        difference: First minus second.
        range: Its interval.
        forest: Both, drawn: the better the first model, the further to the right.
        better: Name of the model in whose favour the whole interval is, empty where it holds 0.
        p_value: Uncorrected, and `p_holm` corrected.
        wins: Patients as "better / equal / worse", empty for pooled quantities.
    """

    first: str
    second: str
    difference: str
    range: str
    forest: Forest
    better: str
    p_value: str
    p_holm: str
    wins: str


@dataclass(frozen=True)
class DifferenceTable:
    """All pairs of models for one quantity, `scale` being the value at the right end of the bars' drawing."""

    quantity: str
    title: str
    unit: str
    scale: str
    rows: list[DifferenceRow]


def heading(quantity: Quantity, comparison: Comparison) -> str:
    """Title and unit of a quantity."""
    return f"{quantity.title} {unit_shown(quantity.unit(comparison.models[0].evaluation.units))}"


def figures(comparison: Comparison, quantities: Sequence[Quantity]) -> list[tuple[str, list[Cell]]]:
    """A row for each model: its name, and a cell for each quantity."""
    best = {quantity.name: _best(comparison, quantity) for quantity in quantities}
    return [
        (
            model.name,
            [
                Cell(
                    shown(interval.value, quantity.kind),
                    shown_range(interval, quantity.kind),
                    interval.value == best[quantity.name],
                )
                for quantity in quantities
                for interval in [comparison.means[model.name][quantity.name]]
            ],
        )
        for model in comparison.models
    ]


def differences(comparison: Comparison) -> list[DifferenceTable]:
    """A table for each quantity, the main one first; none where there is but one model."""
    ordered = sorted(QUANTITIES.values(), key=lambda quantity: quantity.name != MAIN_QUANTITY)
    return [_difference_table(comparison, quantity) for quantity in ordered] if len(comparison.models) > 1 else []


def costs(comparison: Comparison) -> list[tuple[str, tuple[str, ...]]]:
    """Each model whose network was measured, and parameters, operations, patch, seconds, memory, device."""
    return [
        (
            model.name,
            (
                f"{model.costs.parameters / _MEGA:,.2f}",
                f"{model.costs.flops / _GIGA:,.1f}",
                " x ".join(map(str, model.costs.patch_size)),
                amount(model.costs.seconds_per_image),
                f"{model.costs.peak_memory_bytes / _MEGA:,.0f}",
                f"{model.costs.device}, {model.costs.threads} threads",
            ),
        )
        for model in comparison.models
        if model.costs is not None
    ]


def published(rows: Sequence[PublishedRow]) -> list[tuple[str, tuple[str, ...]]]:
    """Each method others have published, and IoU, Dice, Acc, HD95, GFLOPs, million parameters."""
    return [
        (
            row.method,
            (
                *(shown(value, "fraction") for value in (row.iou, row.dice, row.balanced_accuracy)),
                *(shown(value, "pixels") for value in (row.hausdorff95, row.gflops, row.million_parameters)),
            ),
        )
        for row in rows
    ]


def headlines(comparison: Comparison) -> list[str]:
    """For the first model and each other one a sentence about Dice per patient."""
    quantity, first = QUANTITIES[MAIN_QUANTITY], comparison.models[0].name
    pairs = (pair for pair in comparison.differences if (pair.quantity, pair.first) == (quantity.name, first))
    return [_sentence(pair, quantity) for pair in pairs]


def _sentence(pair: PairedDifference, quantity: Quantity) -> str:
    start = f"{pair.first} minus {pair.second}: {shown_difference(pair.difference.value, quantity.kind)} points"
    range_ = shown_range(pair.difference, quantity.kind, signed=True)
    if not range_:
        return f"{start}; too few patients for an interval."
    better = _favoured(pair, quantity)
    verdict = f"the interval is on the side of {better}" if better else "the interval holds 0: no clear difference"
    return f"{start} ({range_}); {verdict}."


def _best(comparison: Comparison, quantity: Quantity) -> float:
    values = [comparison.means[model.name][quantity.name].value for model in comparison.models]
    defined = [value for value in values if not math.isnan(value)]
    if len(defined) < 2:
        return math.nan
    return max(defined) if quantity.higher_is_better else min(defined)


def _difference_table(comparison: Comparison, quantity: Quantity) -> DifferenceTable:
    pairs = [pair for pair in comparison.differences if pair.quantity == quantity.name]
    ends = [abs(end) for pair in pairs for end in _ends(pair.difference) if not math.isnan(end)]
    scale = max(ends, default=0.0) or 1.0
    unit = unit_shown(quantity.unit(comparison.models[0].evaluation.units))
    return DifferenceTable(
        quantity=quantity.name,
        title=f"{quantity.title}, {'pooled' if quantity.is_pooled else 'mean over patients'}",
        unit="points" if quantity.kind == "fraction" else unit,
        scale=shown(scale, quantity.kind),
        rows=[_difference_row(pair, quantity, scale) for pair in pairs],
    )


def _difference_row(pair: PairedDifference, quantity: Quantity, scale: float) -> DifferenceRow:
    test = pair.test
    sign = 1 if quantity.higher_is_better else -1
    low, value, high = (50 + sign * 46 * end / scale for end in _ends(pair.difference))
    return DifferenceRow(
        first=pair.first,
        second=pair.second,
        difference=shown_difference(pair.difference.value, quantity.kind),
        range=shown_range(pair.difference, quantity.kind, signed=True),
        forest=Forest(min(low, high), value, max(low, high)),
        better=_favoured(pair, quantity),
        p_value=shown_p(math.nan if test is None else test.p_value),
        p_holm=shown_p(math.nan if test is None else test.p_holm),
        wins="" if test is None else f"{test.wins} / {test.ties} / {test.losses}",
    )


def _favoured(pair: PairedDifference, quantity: Quantity) -> str:
    low, _, high = _ends(pair.difference)
    if low > 0 or high < 0:
        return pair.first if (low > 0) == quantity.higher_is_better else pair.second
    return ""


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.value, interval.high
