"""All measures, each written once: what it is made of, how, and which of two values is the better one.

Evaluation, comparison, report and their files read them from here. A new measure is one more entry of `_ALL`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import numpy as np

from nnunetv2_cipa.quantities.agreement import concordance, lower_limit, upper_limit

from .cases import Record, Units
from .overlap import Numbers, balanced_accuracy, dice, iou, ratio, share

Kind = Literal["fraction", "coefficient", "count", "length", "volume", "pixels", "gram"]
Best = Literal["highest", "lowest", "zero"]
Level = Literal["patient", "pooled", "agreement"]
LEVELS: tuple[Level, ...] = ("pooled", "patient", "agreement")


@dataclass(frozen=True)
class Measure:
    """A figure of a model, and how it comes about.

    Attributes:
        name: Its key in files.
        title: Its name in tables.
        needs: What it is made of: attributes of a `Record`, a column of the patients each.
        formula: Makes the value of these columns, element by element; for an agreement it takes all patients together,
            along the last axis. NaN where undefined.
        kind: A fraction (0 to 1), a coefficient (-1 to 1), a count, or in which of `Units` it is; "pixels" and "gram"
            whatever the units are.
        best: Which of two values is the better one; "zero" is for a bias, that of the two which is nearer to 0.
        level: Where the patients come together. "patient": each has a value, and the figure is the mean of those that
            are defined. "pooled": the columns are summed first. "agreement": the formula says.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    formula: Callable[..., Numbers]
    kind: Kind = "fraction"
    best: Best = "highest"
    level: Level = "patient"

    def columns(self, records: Sequence[Record]) -> list[Numbers]:
        """What it is made of, for each of several patients or cases."""
        return [np.array([attrgetter(name)(record) for record in records], dtype=np.float64) for name in self.needs]

    def of(self, record: Record) -> float:
        """Its value for one case or patient, or for all cases pooled; NaN where undefined."""
        return float(self.formula(*(attrgetter(name)(record) for name in self.needs)))

    def figure(self, columns: Sequence[Numbers]) -> Numbers:
        """Its figure over the patients, along the last axis of the columns, all of which are defined."""
        if self.level == "pooled":
            return self.formula(*(column.sum(axis=-1) for column in columns))
        values = self.formula(*columns)
        return values if self.level == "agreement" else np.mean(values, axis=-1)

    def compared(self, values: Numbers) -> Numbers:
        """Values as two models are set against each other: where 0 is best, distances from it."""
        return np.abs(values) if self.best == "zero" else values

    def loss(self, values: Numbers) -> Numbers:
        """Values turned so that less is better."""
        return -values if self.best == "highest" else self.compared(values)

    def applies_to(self, record: Record) -> bool:
        """Whether what it is made of was measured, such as uptake."""
        return all(getattr(record, name.partition(".")[0]) is not None for name in self.needs)

    def unit(self, used: Units) -> str:
        """Its unit where these units are used, empty for what has none."""
        return {"length": used.length, "volume": used.volume, "pixels": "pixels", "gram": "g"}.get(self.kind, "")


def _itself(values: Numbers) -> Numbers:
    return values


def _error(reference: Numbers, prediction: Numbers) -> Numbers:
    return prediction - reference


def _absolute_error(reference: Numbers, prediction: Numbers) -> Numbers:
    return np.abs(prediction - reference)


def _agreement(name: str, title: str, needs: tuple[str, str], kind: Kind) -> tuple[Measure, ...]:
    """How a prediction's value agrees with the reference's, over patients: bias, error, limits and concordance."""
    return (
        Measure(f"{name}_bias", f"{title} bias", needs, _error, kind, "zero"),
        Measure(f"{name}_error", f"{title} absolute error", needs, _absolute_error, kind, "lowest"),
        Measure(f"{name}_lower_limit", f"{title} lower limit", needs, lower_limit, kind, "zero", "agreement"),
        Measure(f"{name}_upper_limit", f"{title} upper limit", needs, upper_limit, kind, "zero", "agreement"),
        Measure(
            f"{name}_concordance", f"{title} concordance", needs, concordance, "coefficient", "highest", "agreement"
        ),
    )


_TP, _FP = "overlap.true_positives", "overlap.false_positives"
_FN, _TN = "overlap.false_negatives", "overlap.true_negatives"

_MATCHES = ("matches.num_detected", "matches.num_missed", "matches.num_false")

_ALL = (
    Measure("pooled_iou", "IoU", (_TP, _FP, _FN), iou, level="pooled"),
    Measure("pooled_dice", "Dice", (_TP, _FP, _FN), dice, level="pooled"),
    Measure("pooled_balanced_accuracy", "Acc", (_TP, _FP, _FN, _TN), balanced_accuracy, level="pooled"),
    Measure("pooled_hausdorff95", "HD95", ("slice_distances", "slices"), ratio, "pixels", "lowest", "pooled"),
    Measure("dice", "Dice", (_TP, _FP, _FN), dice),
    Measure("iou", "IoU", (_TP, _FP, _FN), iou),
    Measure("sensitivity", "Sensitivity", (_TP, _FN), share),
    Measure("precision", "Precision", (_TP, _FP), share),
    Measure("hausdorff95", "HD95", ("distances.hausdorff95",), _itself, "length", "lowest"),
    Measure("average_surface_distance", "ASSD", ("distances.average",), _itself, "length", "lowest"),
    Measure("false_positive_volume", "FP volume", ("volumes.false_positive",), _itself, "volume", "lowest"),
    Measure("false_negative_volume", "FN volume", ("volumes.false_negative",), _itself, "volume", "lowest"),
    Measure("lesion_f1", "Lesion F1", ("lesions.detected", "lesions.missed", "lesions.false"), dice),
    Measure("matched_lesion_f1", "Matched lesion F1", _MATCHES, dice),
    Measure("matched_lesion_sensitivity", "Matched lesion sensitivity", _MATCHES[:2], share),
    Measure("false_lesions", "False lesions", _MATCHES[2:], _itself, "count", "lowest"),
    Measure("surface_dice", "Surface Dice", ("surface.agreeing", "surface.total"), ratio),
    *_agreement("volume", "Volume", ("volumes.reference", "volumes.prediction"), "volume"),
    *_agreement("tlg", "TLG", ("uptake.reference.tlg", "uptake.prediction.tlg"), "gram"),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
"""By their names, in the order of tables."""
