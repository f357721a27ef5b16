"""Reading checkpoint files as data: nothing in them is executed."""

import argparse
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError

_STATE_DICTS = ("model", "state_dict", "network_weights")


class _Settings:
    """Reads yacs' CfgNode, the settings that VMamba's trainings save, as a plain dict."""

    def __new__(cls, *_: object) -> OrderedDict[str, Any]:  # type: ignore[misc]
        return OrderedDict()  # PyTorch fills it, and nothing but its own kinds of dict


_ALLOWED: list[Any] = [
    argparse.Namespace,  # command lines, in published checkpoints
    (_Settings, "yacs.config.CfgNode"),
    # nnU-Net's logs hold numpy's numbers; numpy 1 and 2 spell their home differently.
    *((np.float64(0).__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64, np.bool_)),
]


def read_checkpoint(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Load a checkpoint with `weights_only`: tensors, plain containers and the few types of data listed here.

    Tensors come to `device`; "meta" leaves their values in the file, for those who want the rest.

    Raises:
        InputError: no such file, a damaged one, one that holds Python objects of other types, or no dict.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file.")
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            checkpoint = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _reason(error)
        if "GLOBAL" not in reason:
            raise InputError(f"{path} is damaged, or not a PyTorch checkpoint. Get the file again.") from error
        raise InputError(
            f"{path} holds more than weights, and was not opened, since that could run code of its author: {reason} "
            "If you trust the file, load it with torch.load yourself and save its state dict alone."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged, or not a PyTorch checkpoint. Get the file again.") from error
    if not isinstance(checkpoint, dict):
        raise InputError(f"{path} holds a {type(checkpoint).__name__}, not a checkpoint's dict.")
    return checkpoint


def state_dict_of(checkpoint: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint, which may also hold an optimiser, or be the state dict itself.

    Raises:
        InputError: there is none, or it has values that are not finite.
    """
    inside = [checkpoint[key] for key in _STATE_DICTS if isinstance(checkpoint.get(key), dict)]
    state_dict = {key: value for key, value in (inside or [checkpoint])[0].items() if isinstance(value, Tensor)}
    if not state_dict:
        shown = ", ".join(map(str, list(checkpoint)[:5])) or "nothing"
        raise InputError(f"{path} holds no weights: neither a state dict nor one under 'model'. It has {shown}.")
    broken = [key for key, value in state_dict.items() if not _is_finite(value)]
    if broken:
        raise InputError(f"{path} has NaN or infinite values in {len(broken)} tensors, {broken[0]} for one.")
    return state_dict


def _is_finite(value: Tensor) -> bool:
    """Whether all values are finite, found in one pass and without a copy."""
    return value.numel() == 0 or all(math.isfinite(bound) for bound in value.aminmax())


def _reason(error: Exception) -> str:
    """The line of PyTorch's long message that names the offending type."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.rstrip(".") + "." for line in lines if "GLOBAL" in line), "")
