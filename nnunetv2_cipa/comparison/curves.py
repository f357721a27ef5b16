"""Training curves, from the logs in nnU-Net's checkpoints."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_folder import ModelFolder
from nnunetv2_cipa.weights.checkpoint_file import read_checkpoint

from .model_facts import Curve

_KEYS = ("train_losses", "val_losses", "mean_fg_dice", "lrs", "epoch_start_timestamps", "epoch_end_timestamps")


def read_curves(trained: Sequence[ModelFolder]) -> tuple[Curve, ...]:
    """Read the curves of all folds of a model's trainings, from the last checkpoint of each.

    Checkpoints that nnU-Net did not train, such as imported weights, have no curve.

    Raises:
        InputError: a fold has no checkpoint, or one that cannot be read.
    """
    curves: list[Curve] = []
    for model in trained:
        for fold, checkpoint in model.checkpoints().items():
            name = fold if len(trained) == 1 else f"{model.folder.name} {fold}"
            curve = _read_curve(checkpoint, name)
            curves += [] if curve is None else [curve]
    return tuple(curves)


def _read_curve(file: Path, fold: str) -> Curve | None:
    logs = read_checkpoint(file, device="meta").get("logging")
    if logs is None:
        return None
    if not isinstance(logs, dict) or any(not isinstance(logs.get(key), list) for key in _KEYS):
        raise InputError(f"{file} has logs of another kind than nnU-Net's. It lacks one of {', '.join(_KEYS)}.")
    epochs = min(len(logs[key]) for key in _KEYS)  # an interrupted epoch has only some values
    columns = [[_number(value) for value in logs[key][:epochs]] for key in _KEYS]
    train_loss, val_loss, pseudo_dice, learning_rate, starts, ends = columns
    seconds = [end - start for start, end in zip(starts, ends, strict=True)]
    return Curve(fold, *(tuple(values) for values in (train_loss, val_loss, pseudo_dice, learning_rate, seconds)))


def _number(value: Any) -> float:  # noqa: ANN401  # a number of numpy's or Python's
    number = float(value)
    return number if math.isfinite(number) else math.nan
