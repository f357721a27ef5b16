"""Trainers, found by nnU-Net's own search."""

import contextlib
import io
from typing import Any

from nnunetv2_cipa.errors import InputError


def find_trainer(name: str) -> type[Any]:
    """The trainer class that nnU-Net finds by this name; what its search prints is left out.

    Raises:
        InputError: it finds none.
    """
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            trainer: type[Any] = recursive_find_trainer_class_by_name(name)
    except RuntimeError as error:
        raise InputError(f"nnU-Net does not find a trainer {name!r}. See nnUNetv2_cipa doctor.") from error
    return trainer
