"""Folds of the cross-validation: those that a dataset has."""

from collections.abc import Sequence
from pathlib import Path

from nnunetv2_cipa.errors import InputError

from .plans import read_planned_json

NUM_FOLDS = 5
"""How many folds nnU-Net makes where a dataset brings none."""

SPLITS_FILE = "splits_final.json"

Folds = list[dict[str, list[str]]]
"""Content of splits_final.json: for each fold the case identifiers under "train" and "val"."""


def check_folds(preprocessed: Path, folds: Sequence[int]) -> None:
    """Refuse folds that a dataset does not have: nnU-Net would silently make some up. Without a file it has five.

    Args:
        preprocessed: the dataset's folder in nnUNet_preprocessed.
        folds: to be trained.

    Raises:
        InputError: there are no such folds.
    """
    path = preprocessed / SPLITS_FILE
    number = len(read_planned_json(path)) if path.exists() else NUM_FOLDS
    if beyond := [fold for fold in folds if not 0 <= fold < number]:
        raise InputError(f"{preprocessed} has the folds 0 to {number - 1}, but not {beyond}.")
