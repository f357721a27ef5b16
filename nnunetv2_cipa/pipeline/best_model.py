"""What nnU-Net has chosen by cross-validation."""

import json
from dataclasses import dataclass
from pathlib import Path

from .model import Model


@dataclass(frozen=True)
class BestModel:
    """A model, or two whose predictions are averaged, and how these are postprocessed.

    Attributes:
        models: one or two.
        dice: mean Dice of the cross-validation, after postprocessing.
        postprocessing: nnU-Net's file for it.
        plans: the plans that go with it.
    """

    models: tuple[Model, ...]
    dice: float
    postprocessing: Path
    plans: Path

    def __str__(self) -> str:
        """Names, as they are told to the user."""
        return " and ".join(model.name for model in self.models)


def read_best_model(information: Path) -> BestModel:
    """Read the inference_information.json that nnUNetv2_find_best_configuration writes."""
    best = json.loads(information.read_text(encoding="utf-8"))["best_model_or_ensemble"]
    return BestModel(
        models=tuple(Model(one["trainer"], one["plans_identifier"]) for one in best["selected_model_or_models"]),
        dice=float(best["result_on_crossval_post_pp"]),
        postprocessing=Path(best["postprocessing_file"]),
        plans=Path(best["some_plans_file"]),
    )
