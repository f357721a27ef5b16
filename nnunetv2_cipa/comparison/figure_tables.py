"""Tables of the models' figures, and of their runs."""

import math
from collections.abc import Callable, Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.evaluation import Measure
from nnunetv2_cipa.evaluation.measures import LEVELS, Level
from nnunetv2_cipa.evaluation.overlap import Numbers
from nnunetv2_cipa.evaluation.wording import UNDEFINED, amount, heading, shown, shown_interval, volume_unit_shown
from nnunetv2_cipa.quantities.free_response import FIGURES
from nnunetv2_cipa.quantities.lesion_matching import MatchedLesions

from .comparison import Comparison
from .statistics import Interval
from .table import Cell, Table, model_columns

_TITLES: dict[Level, str] = {
    "pooled": "PCLT20K protocol",
    "patient": "Means over patients",
    "agreement": "Agreement over patients",
}
_POOLED = "Pixels of all cases pooled; HD95 is a mean over slices, in pixels."
_DEFINED = "n: number of patients for whom the figure is defined, where it is not for all."
_NUMBERS = (attrgetter("num_detected"), attrgetter("num_false"))
_ONE_PATIENT = "There is one patient only: neither intervals nor tests are possible."
_BEST = "The best figure is bold, whether or not the difference is clear."


def figure_table(comparison: Comparison, level: Level) -> Table:
    """The figures of all measures of a level, a column for each model."""
    models = comparison.models
    patients = len(models[0].evaluation.patients)
    notes = [_POOLED if level == "pooled" else _DEFINED]
    notes += [_BEST] if len(models) > 1 else []
    notes += [_ONE_PATIENT] if patients == 1 and level != "pooled" else []
    rows = tuple(_row(comparison, measure, patients) for measure in comparison.measures(level))
    return Table(_TITLES[level], model_columns(*(model.name for model in models)), rows, tuple(notes))


def lesion_table(comparison: Comparison) -> Table:
    """Lesions of the reference that each model finds, by their size; no rows where there is none."""
    models = comparison.models
    sizes = [*(found := models[0].evaluation.pooled.matches).detected, *found.missed]
    limits = np.unique(np.quantile(sizes, [1 / 3, 2 / 3])).tolist() if sizes else []
    unit = volume_unit_shown(models[0].evaluation.units.volume)
    classes = [
        [[run.evaluation.pooled.matches.by_size(limits)[number] for run in model.runs] for model in models]
        for number in range(len(limits) + 1)
    ]
    names = [f"from {amount(low)} {unit}" for low in limits]
    rows = (
        [
            (Cell(name), *(Cell(_found(of_runs)) for of_runs in of_models))
            for name, of_models in zip([f"below {amount(limits[0])} {unit}", *names], classes, strict=True)
        ]
        if sizes
        else []
    )
    notes = (
        "Found / all lesions of the reference, and false ones of that size, means over runs. A lesion is found where "
        "one of the prediction overlaps it by an IoU of 0.1 or more; each has one partner at most. Sizes: thirds of "
        "the reference's lesions.",
    )
    return Table("Lesions by size", model_columns(*(model.name for model in models)), tuple(rows), notes)


def free_response_table(comparison: Comparison) -> Table:
    """Lesions found at the price of false ones; no rows where no reference has a lesion."""
    models = comparison.models
    names = list(FIGURES) if comparison.free_response else []
    rows = []
    for name in names:
        intervals = [comparison.free_response[model.name][name] for model in models]
        texts = [shown(interval.value, "fraction") for interval in intervals]
        cells = (
            Cell(text, shown_interval(interval.low, interval.high, "fraction"), bool(bold))
            for text, interval, bold in zip(texts, intervals, _best(texts, np.negative), strict=True)
        )
        rows.append((Cell(name), *cells))
    notes = (
        "Share of the reference's lesions that are found, in %, where each patient may have so many false ones in the "
        "mean; last the mean of these shares. Predicted lesions count in the order of their mean probability, and "
        "are matched one to one by an IoU of 0.1 or more. Without probabilities beside its masks a model has one point "
        "of the curve: all of its lesions or none.",
    )
    columns = model_columns(*(model.name for model in models))
    return Table("Free response", (Cell("False lesions a patient"), *columns[1:]), tuple(rows), notes)


def run_table(comparison: Comparison) -> Table:
    """Each run by itself, and how far the runs of one model lie apart; no rows where every model has one run."""
    models = [model for model in comparison.models if len(model.runs) > 1]
    rows = []
    for measure in comparison.measures(*LEVELS) if models else ():
        figures = [[run.evaluation.figure(measure) for run in model.runs] for model in models]
        rows.append((Cell(full_heading(comparison, measure)), *(Cell(_spread(values, measure)) for values in figures)))
    notes = (
        "The figure of each run, and their standard deviation (SD). Figures above are means over a model's runs, and "
        "their intervals are about patients: how much another training of the same model would differ, SD shows.",
    )
    return Table("Runs", model_columns(*(model.name for model in models)), tuple(rows), notes)


def full_heading(comparison: Comparison, measure: Measure) -> str:
    """Title and unit of a measure where those of all levels stand together."""
    return "Pooled " * (measure.level == "pooled") + heading(measure, comparison.models[0].evaluation.units)


def _row(comparison: Comparison, measure: Measure, patients: int) -> tuple[Cell, ...]:
    intervals = [comparison.means[model.name][measure.name] for model in comparison.models]
    texts = [shown(interval.value, measure.kind) for interval in intervals]
    cells = (
        Cell(text, _beside(interval, measure, patients), bool(bold))
        for text, interval, bold in zip(texts, intervals, _best(texts, measure.loss), strict=True)
    )
    return Cell(heading(measure, comparison.models[0].evaluation.units)), *cells


def _beside(interval: Interval, measure: Measure, patients: int) -> str:
    number = "" if interval.defined == patients else f"(n = {interval.defined})"
    return f"{shown_interval(interval.low, interval.high, measure.kind)} {number}".strip()


def _best(texts: Sequence[str], loss: Callable[[Numbers], Numbers]) -> NDArray[np.bool_]:
    """Which of several figures, as they are shown, are the best; none where there is nothing to compare with."""
    as_shown = np.array([math.nan if text == UNDEFINED else float(text.replace(",", "")) for text in texts])
    if np.count_nonzero(~np.isnan(as_shown)) < 2:
        return np.zeros(len(texts), dtype=bool)
    losses = loss(as_shown)
    return np.equal(losses, np.nanmin(losses))


def _spread(values: Sequence[float], measure: Measure) -> str:
    deviation = float(np.std(values, ddof=1))
    return f"{', '.join(shown(value, measure.kind) for value in values)} (SD {shown(deviation, measure.kind)})"


def _found(runs: Sequence[MatchedLesions]) -> str:
    detected, false = (float(np.mean([number(run) for run in runs])) for number in _NUMBERS)
    total = runs[0].num_detected + runs[0].num_missed
    return f"{amount(detected)} / {total}, {amount(false)} false"
