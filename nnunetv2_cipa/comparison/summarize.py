"""What follows from the models' evaluations: each model's figures, and each pair's differences."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np
from tqdm import tqdm

from nnunetv2_cipa.evaluation import MEASURES, Evaluation

from .quantities import QUANTITIES, Quantity
from .records import Interval, PairedDifference, Settings
from .results import ComparedModel
from .statistics import Numbers, bootstrap_interval, holm, mean_interval, paired_test

# Of each pooled quantity: the sums over patients that it needs, and what it makes of them.
_POOLED: dict[str, tuple[tuple[str, ...], Callable[..., Numbers]]] = {
    "pooled_iou": (
        ("true_positives", "false_positives", "false_negatives"),
        lambda tp, fp, fn: tp / (tp + fp + fn),
    ),
    "pooled_dice": (
        ("true_positives", "false_positives", "false_negatives"),
        lambda tp, fp, fn: 2 * tp / (2 * tp + fp + fn),
    ),
    "pooled_balanced_accuracy": (
        ("true_positives", "false_positives", "false_negatives", "true_negatives"),
        lambda tp, fp, fn, tn: (tp / (tp + fn) + tn / (tn + fp)) / 2,
    ),
    "pooled_hausdorff95": (("slice_distances", "slices"), lambda distances, slices: distances / slices),
}


@dataclass(frozen=True)
class _Patients:
    """The patients of a model as arrays, in the order of their first cases.

    Attributes:
        name: The model's.
        number: How many patients there are.
        values: Of each measure, by its name; means over the model's runs.
        sums: Of each run: what pooled quantities are made of.
    """

    name: str
    number: int
    values: dict[str, Numbers]
    sums: tuple[dict[str, Numbers], ...]

    def columns(self, quantity: Quantity) -> list[Numbers]:
        """What the pooled quantity needs of each run, one column after the other."""
        needed, _ = _POOLED[quantity.name]
        return [sums[name] for sums in self.sums for name in needed]


def summarize(
    models: Sequence[ComparedModel], settings: Settings
) -> tuple[dict[str, dict[str, Interval]], tuple[PairedDifference, ...]]:
    """Compute each quantity of each model, by their names, and the differences of each pair of models.

    Several runs of a model are averaged before patients are drawn. p-values are corrected for the number of pairs, each
    quantity by itself.
    """
    tables = [_table(model) for model in models]
    pairs = list(combinations(tables, 2))
    with tqdm(total=len(QUANTITIES), desc="compare") as progress:
        means: dict[str, dict[str, Interval]] = {table.name: {} for table in tables}
        differences: list[PairedDifference] = []
        for name, quantity in QUANTITIES.items():
            for table in tables:
                means[table.name][name] = _figure(table, quantity, settings)
            differences += _corrected([_difference(*pair, quantity, settings) for pair in pairs])
            progress.update()
    return means, tuple(differences)


def _table(model: ComparedModel) -> _Patients:
    return _Patients(
        name=model.name,
        number=len(model.evaluation.patients),
        values={measure.name: np.array(list(model.patient_values(measure).values())) for measure in MEASURES},
        sums=tuple(_sums(run.evaluation) for run in model.runs),
    )


def _sums(evaluation: Evaluation) -> dict[str, Numbers]:
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for case in evaluation.cases:
        distances = {"slice_distances": case.slices * case.slice_hausdorff95, "slices": case.slices}
        for name, value in {**asdict(case.overlap), **distances}.items():
            sums[name][case.patient] += value
    return {name: np.array(list(of_patients.values())) for name, of_patients in sums.items()}


def _figure(model: _Patients, quantity: Quantity, settings: Settings) -> Interval:
    if not quantity.is_pooled:
        return mean_interval(model.values[quantity.name], settings)
    return bootstrap_interval(model.columns(quantity), _pooled(quantity), settings, defined=model.number)


def _difference(first: _Patients, second: _Patients, quantity: Quantity, settings: Settings) -> PairedDifference:
    names = first.name, second.name, quantity.name
    if not quantity.is_pooled:
        one, other = first.values[quantity.name], second.values[quantity.name]
        test = paired_test(one, other, higher_is_better=quantity.higher_is_better)
        return PairedDifference(*names, mean_interval(one - other, settings), test)
    columns, pooled = first.columns(quantity), _pooled(quantity)
    border = len(columns)

    def statistic(*drawn: Numbers) -> Numbers:
        return pooled(*drawn[:border]) - pooled(*drawn[border:])

    columns += second.columns(quantity)
    return PairedDifference(*names, bootstrap_interval(columns, statistic, settings, defined=first.number), None)


def _corrected(pairs: list[PairedDifference]) -> list[PairedDifference]:
    p_values = holm([math.nan if pair.test is None else pair.test.p_value for pair in pairs])
    return [
        pair if pair.test is None else replace(pair, test=replace(pair.test, p_holm=p_value))
        for pair, p_value in zip(pairs, p_values, strict=True)
    ]


def _pooled(quantity: Quantity) -> Callable[..., Numbers]:
    """Pool all patients of the last axis, run by run, and take the mean over the runs."""
    needed, formula = _POOLED[quantity.name]

    def pooled(*columns: Numbers) -> Numbers:
        sums = [column.sum(axis=-1) for column in columns]
        runs = [sums[start : start + len(needed)] for start in range(0, len(sums), len(needed))]
        with np.errstate(invalid="ignore", divide="ignore"):  # undefined is NaN
            return np.mean([formula(*run) for run in runs], axis=0)

    return pooled
