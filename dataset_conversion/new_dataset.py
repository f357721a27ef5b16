"""A new dataset's place among nnU-Net's folders, and what stands beside its images."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.folders import root_folder
from nnunetv2_cipa.nnunet.folds import SPLITS_FILE, Folds
from nnunetv2_cipa.nnunet.patients import patient_folds, write_patients

MODALITIES = ("CT", "PET")


def new_dataset_folder(dataset_id: int, dataset_name: str) -> Path:
    """The folder in nnUNet_raw for a dataset of this id and name; it need not exist.

    Raises:
        InputError: nnUNet_raw is not set, the name cannot be a folder's, or the id is out of range or belongs to a
            dataset of another name.
    """
    raw = root_folder("nnUNet_raw")
    if not 1 <= dataset_id <= 999:
        raise InputError(f"Dataset id {dataset_id} is not one of nnU-Net's: choose -d from 1 to 999.")
    if not re.fullmatch(r"[A-Za-z0-9_.+-]+", dataset_name):
        raise InputError(f"-n {dataset_name!r}: the name of a dataset has letters, digits, _ and - only.")
    name = f"Dataset{dataset_id:03d}_{dataset_name}"
    others = [os.environ.get(variable) for variable in ("nnUNet_preprocessed", "nnUNet_results")]
    roots = [raw, *(Path(root) for root in others if root)]
    used_by = [path for root in roots for path in root.glob(f"Dataset{dataset_id:03d}*") if path.name != name]
    if used_by:
        raise InputError(
            f"Dataset id {dataset_id} is used already: {', '.join(map(str, used_by))}. "
            "nnU-Net wants one name for an id: choose another with -d."
        )
    return raw / name


def remove_leftovers(folder: Path) -> None:
    """Remove what conversions to `folder` left beside it when they were killed."""
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)


def write_patients_and_folds(folder: Path, training: Mapping[str, str], test: Mapping[str, str]) -> Folds:
    """Write patients.json, and splits_final.json, which planning copies to where training looks for it.

    What an interrupted conversion has left of them is replaced.

    Args:
        folder: The new dataset.
        training: The patient of each training case.
        test: The patient of each case of the test set.

    Returns:
        The folds, by patient. There are none of one patient, and no splits_final.json.
    """
    write_patients(folder, {**training, **test}, overwrite=True)
    folds = patient_folds(training)
    (folder / SPLITS_FILE).unlink(missing_ok=True)
    if folds:
        (folder / SPLITS_FILE).write_text(json.dumps(folds, indent=4), encoding="utf-8")
    return folds


def outdated_splits(name: str, folds: Folds) -> Path | None:
    """The splits_final.json in nnUNet_preprocessed, if there is one with other folds: planning refuses that."""
    root = os.environ.get("nnUNet_preprocessed")
    path = Path(root or "", name, SPLITS_FILE)
    if not root or not path.is_file():
        return None
    present: Folds = json.loads(path.read_text(encoding="utf-8"))
    return None if folds and _as_sets(present)[: len(folds)] == _as_sets(folds) else path


def _as_sets(folds: Folds) -> list[tuple[set[str], set[str]]]:
    return [(set(fold["train"]), set(fold["val"])) for fold in folds]
