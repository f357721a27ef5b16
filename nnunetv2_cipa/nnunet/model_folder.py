"""Model folders that nnU-Net has trained: where they are, what they validated, and what their checkpoints say."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError

from .folders import root_folder
from .model_names import name_parts

FINAL_CHECKPOINT, LATEST_CHECKPOINT = "checkpoint_final.pth", "checkpoint_latest.pth"
"""Of a fold that was trained to its end, and of one that was not; both in the fold's folder."""


@dataclass(frozen=True)
class ModelFolder:
    """A folder `TRAINER__PLANS__CONFIGURATION` of nnUNet_results.

    Attributes:
        folder: It.
        folds: Those that are looked at, numbers or "all".
    """

    folder: Path
    folds: tuple[str, ...]

    @property
    def trainer(self) -> str:
        """The trainer's name."""
        return name_parts(self.folder.name)[0]

    @property
    def configuration(self) -> str:
        """The configuration's name."""
        return name_parts(self.folder.name)[2]

    def validation_folders(self) -> list[Path]:
        """Folders of the predictions that each fold made of its validation cases.

        Raises:
            InputError: a fold is not validated to its end, or has no validation cases of its own.
        """
        if "all" in self.folds:
            raise InputError(
                f"{self.folder}: fold all is validated on what it was trained on. Choose other folds with -f, or give "
                "predictions of other cases with --predictions."
            )
        folders = [self.folder / f"fold_{fold}" / "validation" for fold in self.folds]
        unfinished = [str(folder) for folder in folders if not (folder / "summary.json").is_file()]
        if unfinished:
            raise InputError(
                f"{len(unfinished)} of {len(folders)} folds of {self.folder.name} are not validated. Train them, or "
                "run nnUNetv2_train with --val, or choose others with -f. There is no summary.json in"
                + "".join(f"\n    {folder}" for folder in unfinished)
            )
        return folders

    def checkpoints(self) -> dict[str, Path]:
        """The last checkpoint of each fold.

        Raises:
            InputError: a fold has none.
        """
        found: dict[str, Path] = {}
        for fold in self.folds:
            candidates = [self.folder / f"fold_{fold}" / name for name in (FINAL_CHECKPOINT, LATEST_CHECKPOINT)]
            found[fold] = next(filter(Path.is_file, candidates), candidates[0])
        missing = [str(file) for file in found.values() if not file.is_file()]
        if missing:
            raise InputError(
                "These folds are not trained. Choose those that are with -f." + "".join(f"\n    {f}" for f in missing)
            )
        return found


def find_model(dataset_name: str, model: str, folds: Sequence[str]) -> ModelFolder:
    """Find the model `TRAINER__PLANS__CONFIGURATION` of a dataset.

    Raises:
        InputError: it is not there; the message names those that are.
    """
    dataset_folder = root_folder("nnUNet_results") / dataset_name
    if not (dataset_folder / model / "plans.json").is_file():
        present = sorted(file.parent.name for file in dataset_folder.glob("*__*__*/plans.json"))
        raise InputError(f"{dataset_folder} has no model {model}. It has {', '.join(present) or 'none'}.")
    return ModelFolder(dataset_folder / model, tuple(dict.fromkeys(folds)))


def find_training_labels(dataset_name: str) -> Path:
    """Folder of the label files that folds are validated with.

    Raises:
        InputError: it is not there.
    """
    subfolders = {"nnUNet_raw": "labelsTr", "nnUNet_preprocessed": "gt_segmentations"}
    candidates = [
        Path(os.environ[root]) / dataset_name / name for root, name in subfolders.items() if os.environ.get(root)
    ]
    found = next(filter(Path.is_dir, candidates), None)
    if found is None:
        looked_at = ", ".join(map(str, candidates)) or "nnUNet_raw and nnUNet_preprocessed, which are not set"
        raise InputError(
            f"The label files of {dataset_name} were not found in {looked_at}. Give their folder with -ref."
        )
    return found
