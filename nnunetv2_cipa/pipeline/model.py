"""A model as nnU-Net tells it from others, of one configuration: a trainer and plans. Each seed has its own plans."""

from dataclasses import dataclass

from nnunetv2_cipa.planning.plans_files import OWN_PLANS
from nnunetv2_cipa.planning.timing import CONFIGURATION


@dataclass(frozen=True)
class Model:
    """One of the models of a run.

    Attributes:
        trainer: class name.
        plans: name of its plans file.
    """

    trainer: str
    plans: str = OWN_PLANS

    @property
    def name(self) -> str:
        """Short name, for steps and folders."""
        return f"{self.trainer}{self.plans.removeprefix(OWN_PLANS)}"

    @property
    def folder_name(self) -> str:
        """As nnU-Net names the folder of its folds."""
        return f"{self.trainer}__{self.plans}__{CONFIGURATION}"
