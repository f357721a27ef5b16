"""What the user wants of a run."""

from dataclasses import dataclass

from nnunetv2_cipa.dataset_conversion.raw_dataset import Normalization
from nnunetv2_cipa.planning.seeds import UNSEEDED, plans_of_seed
from nnunetv2_cipa.submission import Sample

from .model import Model


@dataclass(frozen=True)
class Choices:
    """What is to be trained, and how.

    Attributes:
        trainers: class names.
        folds: of nnU-Net's cross-validation.
        normalization: "stock" or "fixed".
        seeds: each trainer is trained with each, on each fold.
        sample: submission whose columns and rows ours is to have, if there is one.
    """

    trainers: tuple[str, ...]
    folds: tuple[int, ...]
    normalization: Normalization = "stock"
    seeds: tuple[int, ...] = (UNSEEDED,)
    sample: Sample | None = None

    @property
    def models(self) -> tuple[Model, ...]:
        """All models, in the order in which nnU-Net chooses among them."""
        return tuple(Model(trainer, plans_of_seed(seed)) for trainer in self.trainers for seed in self.seeds)

    @property
    def pairs(self) -> int:
        """How many pairs of models nnU-Net ensembles to choose among them."""
        return len(self.models) * (len(self.models) - 1) // 2
