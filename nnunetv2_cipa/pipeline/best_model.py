"""What nnU-Net has chosen by cross-validation."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BestModel:
    """A trainer, or two whose predictions are averaged, and how these are postprocessed.

    Attributes:
        trainers: one or two class names.
        dice: mean Dice of the cross-validation, after postprocessing.
        postprocessing: nnU-Net's file for it.
        plans: the plans that go with it.
    """

    trainers: tuple[str, ...]
    dice: float
    postprocessing: Path
    plans: Path


def read_best_model(information: Path) -> BestModel:
    """Read the inference_information.json that nnUNetv2_find_best_configuration writes."""
    best = json.loads(information.read_text(encoding="utf-8"))["best_model_or_ensemble"]
    return BestModel(
        trainers=tuple(model["trainer"] for model in best["selected_model_or_models"]),
        dice=float(best["result_on_crossval_post_pp"]),
        postprocessing=Path(best["postprocessing_file"]),
        plans=Path(best["some_plans_file"]),
    )
