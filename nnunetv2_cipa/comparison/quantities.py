"""The figures by which models are compared: means over patients, and the pooled ones of the PCLT20K protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nnunetv2_cipa.evaluation import MEASURES, Evaluation, Measure
from nnunetv2_cipa.evaluation.records import Units
from nnunetv2_cipa.evaluation.results import Pooled


@dataclass(frozen=True)
class Quantity:
    """One figure of a model.

    Attributes:
        name: Its key in files.
        title: Its name in tables.
        kind: A fraction (0 to 1), or in which of `Units` it is; "pixels" whatever the units are.
        higher_is_better: Which of two values is the better one.
        measure: What is averaged over patients; None where pixels of all patients are pooled.
        of: Its value for an evaluation, NaN where undefined.
    """

    name: str
    title: str
    kind: Literal["fraction", "length", "volume", "pixels"]
    higher_is_better: bool
    measure: Measure | None
    of: Callable[[Evaluation], float]

    @property
    def is_pooled(self) -> bool:
        """Whether it is one of the PCLT20K protocol, which has no value for each patient."""
        return self.measure is None

    def unit(self, used: Units) -> str:
        """Its unit where these units are used, empty for a fraction."""
        return {"fraction": "", "length": used.length, "volume": used.volume, "pixels": "pixels"}[self.kind]


def _of_patients(measure: Measure) -> Quantity:
    def of(evaluation: Evaluation) -> float:
        return evaluation.mean_over_patients(measure).value

    return Quantity(measure.name, measure.title, measure.kind, measure.higher_is_better, measure, of)


def _pooled(name: str, title: str, of: Callable[[Pooled], float]) -> Quantity:
    return Quantity(f"pooled_{name}", title, "fraction", True, None, lambda evaluation: of(evaluation.pooled))


PATIENT_QUANTITIES = tuple(_of_patients(measure) for measure in MEASURES)
POOLED_QUANTITIES = (
    _pooled("iou", "IoU", lambda pooled: pooled.overlap.iou),
    _pooled("dice", "Dice", lambda pooled: pooled.overlap.dice),
    _pooled("balanced_accuracy", "Acc", lambda pooled: pooled.overlap.balanced_accuracy),
    Quantity("pooled_hausdorff95", "HD95", "pixels", False, None, lambda evaluation: evaluation.pooled.hausdorff95),
)
QUANTITIES = {quantity.name: quantity for quantity in (*POOLED_QUANTITIES, *PATIENT_QUANTITIES)}
