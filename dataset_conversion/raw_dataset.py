"""The dataset's place among nnU-Net's folders, and the two JSON files that stand beside its images."""

import json
import shutil
from pathlib import Path
from typing import Literal

from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw, nnUNet_results

from nnunetv2_cipa.errors import InputError

Normalization = Literal["stock", "fixed"]
Folds = list[dict[str, list[str]]]

MODALITIES = ("CT", "PET")
CHANNEL_NAMES: dict[Normalization, tuple[str, str]] = {"stock": MODALITIES, "fixed": ("rgb_to_0_1", "rgb_to_0_1")}
"""Channels are named after their normalisation, since nnU-Net chooses that by the name."""


def dataset_folder(dataset_id: int) -> Path:
    """The folder in nnUNet_raw for a PCLT20K dataset of this id; it need not exist.

    Raises:
        InputError: nnUNet_raw is not set, or the id is out of range or belongs to a dataset of another name.
    """
    raw = nnUNet_raw.get()
    if not raw:
        raise InputError("nnUNet_raw is not set. Set it to the folder for raw datasets: export nnUNet_raw=/path/to/it")
    if not 1 <= dataset_id <= 999:
        raise InputError(f"Dataset id {dataset_id} is not one of nnU-Net's: choose -d from 1 to 999.")
    name = f"Dataset{dataset_id:03d}_PCLT20K"
    roots = [Path(root) for variable in (nnUNet_raw, nnUNet_preprocessed, nnUNet_results) if (root := variable.get())]
    used_by = [path for root in roots for path in root.glob(f"Dataset{dataset_id:03d}*") if path.name != name]
    if used_by:
        raise InputError(
            f"Dataset id {dataset_id} is used already: {', '.join(map(str, used_by))}. "
            "nnU-Net wants one name for an id: choose another with -d."
        )
    return Path(raw) / name


def remove_leftovers(folder: Path) -> None:
    """Remove what conversions to `folder` left beside it when they were killed."""
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)


def write_json_files(folder: Path, normalization: Normalization, folds: Folds, *, num_training: int) -> None:
    """Write dataset.json and splits_final.json, which planning copies to where training looks for it."""
    generate_dataset_json(
        str(folder),
        channel_names=dict(enumerate(CHANNEL_NAMES[normalization])),
        labels={"background": 0, "tumor": 1},
        num_training_cases=num_training,
        file_ending=".png",
        dataset_name="PCLT20K",
        description="PET-CT slices in PCLT20K's layout",
        license="that of the source; PCLT20K itself is for non-commercial research",
        converted_by="nnUNetv2_cipa convert_PCLT20K",
        modalities=MODALITIES,
    )
    (folder / "splits_final.json").write_text(json.dumps(folds, indent=4), encoding="utf-8")


def outdated_splits(name: str, folds: Folds) -> Path | None:
    """The splits_final.json in nnUNet_preprocessed, if there is one with other folds: planning refuses that."""
    root = nnUNet_preprocessed.get()
    path = Path(root or "", name, "splits_final.json")
    if not root or not path.is_file():
        return None
    present: Folds = json.loads(path.read_text(encoding="utf-8"))
    return None if _as_sets(present)[: len(folds)] == _as_sets(folds) else path


def _as_sets(folds: Folds) -> list[tuple[set[str], set[str]]]:
    return [(set(fold["train"]), set(fold["val"])) for fold in folds]
