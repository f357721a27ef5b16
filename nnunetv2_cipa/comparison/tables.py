"""The tables of a comparison, as text that Markdown and LaTeX share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .published import SOURCE, PublishedRow
from .quantities import PATIENT_QUANTITIES, POOLED_QUANTITIES, QUANTITIES, Quantity
from .records import Costs, Interval
from .results import ComparedModel, Comparison
from .statistics import smallest_p_value

UNDEFINED = "-"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Cell:
    """Text of a table, bold where it is the best."""

    text: str
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a heading, and notes that are needed to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def tables(comparison: Comparison) -> list[Table]:
    """All tables of a comparison, those that would be empty left out."""
    models = comparison.models
    pairs = [_differences(comparison, *pair) for pair in combinations(models, 2)]
    all_tables = [
        _figures(comparison, "PCLT20K protocol", POOLED_QUANTITIES, _POOLED_NOTES),
        _published(comparison),
        _figures(comparison, "Means over patients", PATIENT_QUANTITIES, _patient_notes(comparison)),
        *pairs,
        _runs(comparison),
        _costs(models),
        _training(models),
    ]
    return [table for table in all_tables if table.rows]


def description(comparison: Comparison) -> list[str]:
    """What was compared with what, a sentence each."""
    evaluation, settings = comparison.models[0].evaluation, comparison.settings
    cases, patients = len(evaluation.cases), len(evaluation.patients)
    return [
        f"{cases} cases of {patients} patients, foreground {list(comparison.labels)}.",
        f"References: {comparison.reference}.",
        *(f"{model.name}: {run.source}." for model in comparison.models for run in model.runs),
        f"Brackets hold {100 * settings.confidence:.0f} % confidence intervals: BCa bootstrap, {settings.resamples:,} "
        f"samples of patients, seed {settings.seed}.",
        f"Made on {comparison.created}.",
    ]


_POOLED_NOTES = ("Pixels of all cases pooled; HD95 is a mean over slices, in pixels.",)


def _patient_notes(comparison: Comparison) -> tuple[str, ...]:
    patients = len(comparison.models[0].evaluation.patients)
    notes = ["n: number of patients for whom the figure is defined, where it is not for all."]
    if patients == 1:
        notes.append("There is one patient only: neither intervals nor tests are possible.")
    return tuple(notes)


def _figures(comparison: Comparison, title: str, quantities: Sequence[Quantity], notes: tuple[str, ...]) -> Table:
    rows = []
    for quantity in quantities:
        intervals = [comparison.means[model.name][quantity.name] for model in comparison.models]
        patients = len(comparison.models[0].evaluation.patients)
        texts = [_interval(interval, quantity, patients) for interval in intervals]
        best = _best([_value(interval.value, quantity) for interval in intervals], quantity)
        cells = [Cell(text, bold) for text, bold in zip(texts, best, strict=True)]
        rows.append((Cell(_heading(quantity, comparison)), *cells))
    return Table(title, ("", *(model.name for model in comparison.models)), tuple(rows), notes)


def _published(comparison: Comparison) -> Table:
    def fraction(value: float) -> str:
        return _shown(100 * value)

    columns: dict[str, Callable[[PublishedRow], str]] = {
        "Method": lambda row: row.method,
        "IoU %": lambda row: fraction(row.iou),
        "Dice %": lambda row: fraction(row.dice),
        "Acc %": lambda row: fraction(row.balanced_accuracy),
        "HD95 pixels": lambda row: _shown(row.hausdorff95),
        "GFLOPs": lambda row: _shown(row.gflops),
        "Parameters, millions": lambda row: _shown(row.million_parameters),
    }
    notes = (
        f"As printed in {SOURCE}: not measured here.",
        "Comparable only to results on PCLT20K's test set in its full size, 512x512.",
        "How GFLOPs were counted is not said; the figure for CIPA is near to its number of multiply-adds, half of its "
        "floating-point operations as they are counted here.",
    )
    rows = tuple(tuple(Cell(shown(row)) for shown in columns.values()) for row in comparison.published)
    return Table("Published results, PCLT20K test set", tuple(columns), rows, notes)


def _differences(comparison: Comparison, first: ComparedModel, second: ComparedModel) -> Table:
    rows = []
    for quantity in QUANTITIES.values():
        difference = comparison.difference(first.name, second.name, quantity.name)
        interval, test = difference.difference, difference.test
        of_test = [UNDEFINED] * 4
        if test is not None:
            counts = f"{test.wins} / {test.losses} / {test.ties}"
            of_test = [str(interval.defined), counts, _p_value(test.p_value), _p_value(test.p_holm)]
        texts = [_heading(quantity, comparison, pooled=quantity.is_pooled), _interval(interval, quantity, signed=True)]
        excludes_zero = interval.low > 0 or interval.high < 0
        rows.append((Cell(texts[0]), Cell(texts[1], excludes_zero), *map(Cell, of_test)))
    columns = ("", "difference", "patients", "better / worse / equal", "p", "p (Holm)")
    return Table(f"{first.name} minus {second.name}", columns, tuple(rows), _difference_notes(comparison))


def _difference_notes(comparison: Comparison) -> tuple[str, ...]:
    pairs = math.comb(len(comparison.models), 2)
    patients = len(comparison.models[0].evaluation.patients)
    notes = [
        "Of the same patients; bold where the interval does not hold 0. Better and worse: patients for whom the first "
        "model is. p: Wilcoxon's signed-rank test on patients, two-sided; Holm: corrected for the number of pairs of "
        f"models ({pairs}), but not for that of measures: choose one before you look."
    ]
    smallest = smallest_p_value(patients)
    if smallest * pairs > SIGNIFICANT:
        notes.append(
            f"With {patients} patients p cannot be smaller than {min(1.0, smallest):.3g}, nor p (Holm) than "
            f"{min(1.0, smallest * pairs):.3g}: whatever the models are, no difference can be significant at "
            f"{SIGNIFICANT}."
        )
    return tuple(notes)


def _runs(comparison: Comparison) -> Table:
    """Each run by itself, and how far the runs of one model lie apart."""
    models = [model for model in comparison.models if len(model.runs) > 1]
    rows = []
    for quantity in QUANTITIES.values() if models else ():
        figures = [[quantity.of(run.evaluation) for run in model.runs] for model in models]
        heading = _heading(quantity, comparison, pooled=quantity.is_pooled)
        rows.append((Cell(heading), *(Cell(_spread(values, quantity)) for values in figures)))
    notes = (
        "The figure of each run, and their standard deviation (SD). Figures above are means over a model's runs, and "
        "their intervals are about patients: how much another training of the same model would differ, SD shows.",
    )
    return Table("Runs", ("", *(model.name for model in models)), tuple(rows), notes)


def _spread(values: Sequence[float], quantity: Quantity) -> str:
    deviation = float(np.std(values, ddof=1))
    return f"{', '.join(_value(value, quantity) for value in values)} (SD {_value(deviation, quantity)})"


def _costs(models: Sequence[ComparedModel]) -> Table:
    shown: dict[str, Callable[[Costs], str]] = {
        "Parameters, millions": lambda costs: f"{costs.parameters / 1e6:.2f}",
        "GFLOPs": lambda costs: f"{costs.flops / 1e9:.2f}",
        "Patch size, pixels": lambda costs: "x".join(map(str, costs.patch_size)),
        "Seconds per image": lambda costs: f"{costs.seconds_per_image:.3g}",
        "Peak memory, MiB": lambda costs: f"{costs.peak_memory_bytes / 2**20:.0f}",
        "Device": lambda costs: costs.device,
        "Threads": lambda costs: str(costs.threads),
    }
    known = [(model.name, model.costs) for model in models if model.costs is not None]
    rows = [(Cell(title), *(Cell(show(costs)) for _, costs in known)) for title, show in shown.items()] if known else []
    notes = (
        "Of one forward pass of one image of the patch size, without mirroring. A multiplication and an addition count "
        "as two operations. Memory: weights and all that the pass needs.",
    )
    return Table("Costs of the networks", ("", *(name for name, _ in known)), tuple(rows), notes)


def _training(models: Sequence[ComparedModel]) -> Table:
    rows = [
        (
            model.name,
            curve.fold,
            str(len(curve.epochs)),
            _shown(sum(curve.epoch_seconds) / 3600),
            *(_shown(values[-1] if values else math.nan, 4) for values in (curve.train_loss, curve.val_loss)),
            _shown(100 * curve.pseudo_dice[-1] if curve.pseudo_dice else math.nan),
        )
        for model in models
        for curve in model.curves
    ]
    columns = ("", "Fold", "Epochs", "Hours", "Training loss", "Validation loss", "Pseudo Dice %")
    notes = ("Losses and pseudo Dice of the last epoch, as nnU-Net logged them.",)
    return Table("Training", columns, tuple(tuple(map(Cell, row)) for row in rows), notes)


def _heading(quantity: Quantity, comparison: Comparison, *, pooled: bool = False) -> str:
    unit = "%" if quantity.kind == "fraction" else quantity.unit(comparison.models[0].evaluation.units)
    return f"{'Pooled ' * pooled}{quantity.title} {unit}"


def _interval(interval: Interval, quantity: Quantity, patients: int | None = None, *, signed: bool = False) -> str:
    value, low, high = (
        _value(number, quantity, signed=signed) for number in (interval.value, interval.low, interval.high)
    )
    number = "" if patients in (None, interval.defined) else f" (n = {interval.defined})"
    return value + number if low == UNDEFINED or high == UNDEFINED else f"{value} [{low}, {high}]{number}"


def _value(value: float, quantity: Quantity, *, signed: bool = False) -> str:
    return _shown(100 * value if quantity.kind == "fraction" else value, signed=signed)


def _shown(value: float, decimals: int = 2, *, signed: bool = False) -> str:
    if math.isnan(value):
        return UNDEFINED
    rounded = round(value, decimals) + 0.0  # which makes 0 of -0
    return f"{rounded:{'+' if signed else ''}.{decimals}f}"


def _best(shown: Sequence[str], quantity: Quantity) -> list[bool]:
    """Which of several values, as they are shown, are the best; none where there is nothing to compare with."""
    defined = [float(text) for text in shown if text != UNDEFINED]
    if len(defined) < 2:
        return [False] * len(shown)
    best = max(defined) if quantity.higher_is_better else min(defined)
    return [text != UNDEFINED and float(text) == best for text in shown]


def _p_value(p_value: float) -> str:
    if math.isnan(p_value):
        return UNDEFINED
    return f"{p_value:.3f}" if p_value >= 0.001 else "< 0.001"
