"""A trained model of nnU-Net's that takes CT in HU and PET in SUV, loaded by nnU-Net's own predictor."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import read_json
from nnunetv2_cipa.nnunet.plans import DIVISION_BY_255
from nnunetv2_cipa.training.modalities import channel_order

_PICTURES = (".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff")


@dataclass(frozen=True)
class Model:
    """A model that is ready to predict.

    Attributes:
        predictor: nnU-Net's, with the parameters of every fold.
        channels: numbers of the CT and the PET channel.
        class_names: of the foreground, that of label 1 first.
        file_ending: of the images that it was trained on.
        folds: in the order of the predictor's parameters.
        checkpoint: in the model's folder, of each fold.
    """

    predictor: Any
    channels: tuple[int, int]
    class_names: tuple[str, ...]
    file_ending: str
    folds: tuple[str, ...]
    checkpoint: Path

    @property
    def name(self) -> str:
        """The trainer's name."""
        return str(self.predictor.trainer_name)


def load_model(folder: Path, folds: Sequence[str] | None, checkpoint: str, device: torch.device) -> Model:
    """Load a model folder `TRAINER__PLANS__CONFIGURATION`.

    Args:
        folder: of the model.
        folds: numbers or "all"; None takes all that are trained.
        checkpoint: name of the checkpoint in each fold.
        device: to predict on.

    Raises:
        InputError: it is no model folder, folds are missing, or the model is not one for CT in HU and PET in SUV.
    """
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    dataset_json = _dataset_json(folder)
    channels = channel_order(dataset_json)
    _refuse_8_bit(folder, dataset_json)
    present = {path.parent.name.removeprefix("fold_") for path in folder.glob(f"fold_*/{checkpoint}")}
    wanted = sorted(present) if folds is None else list(folds)
    if missing := [fold for fold in wanted if fold not in present]:
        raise InputError(
            f"{folder} has no {checkpoint} of fold {', '.join(missing)}; it has {', '.join(sorted(present))}."
        )
    if not wanted:
        raise InputError(f"{folder} has no fold with {checkpoint}. Train the model, or name another by -chk.")
    predictor = nnUNetPredictor(device=device, perform_everything_on_device=device.type == "cuda", allow_tqdm=True)
    predictor.initialize_from_trained_model_folder(str(folder), wanted, checkpoint)
    if predictor.configuration_manager.previous_stage_name:
        raise InputError(f"{folder} is the second stage of a cascade. Give a model that needs no other.")
    schemes = predictor.configuration_manager.normalization_schemes
    if DIVISION_BY_255 in schemes:
        raise InputError(_no_8_bit(folder, f"it divides channels by 255 ({DIVISION_BY_255})"))
    names, ending = _class_names(dataset_json), dataset_json["file_ending"]
    return Model(predictor, channels, names, ending, tuple(wanted), folder.resolve() / checkpoint)


def _dataset_json(folder: Path) -> dict[str, Any]:
    missing = [name for name in ("dataset.json", "plans.json") if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} has no {' and no '.join(missing)}: it is no model folder of nnU-Net's. Give the one that holds "
            "fold_0, in nnUNet_results."
        )
    content: dict[str, Any] = read_json(folder / "dataset.json")
    return content


def _refuse_8_bit(folder: Path, dataset_json: dict[str, Any]) -> None:
    names = {str(name).lower() for name in dataset_json.get("channel_names", {}).values()}
    if "rgb_to_0_1" in names:
        raise InputError(_no_8_bit(folder, "its channels are named rgb_to_0_1"))
    if (ending := str(dataset_json.get("file_ending", ""))).lower() in _PICTURES:
        raise InputError(_no_8_bit(folder, f"its images were {ending} files"))


def _no_8_bit(folder: Path, why: str) -> str:
    return (
        f"{folder} was trained on 8-bit slices ({why}), not on HU and SUV: it would see nothing but black and white. "
        "Train a model on volumes (nnUNetv2_cipa convert_PETCT), or predict 8-bit slices with nnUNetv2_predict."
    )


def _class_names(dataset_json: dict[str, Any]) -> tuple[str, ...]:
    """Names by label; a label that only regions of several have is called after its number."""
    labels: dict[str, Any] = dataset_json["labels"]
    values = {
        name: value if isinstance(value, list) else [value]
        for name, value in labels.items()
        if name not in ("background", "ignore")
    }
    names = {number[0]: name for name, number in values.items() if len(number) == 1}
    highest = max((max(numbers) for numbers in values.values()), default=0)
    return tuple(names.get(number, f"label_{number}") for number in range(1, highest + 1))
