"""The backends of the selective scan and the choice among them."""

import os
from collections.abc import Callable

import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.backend import Backend
from nnunetv2_cipa.scan.cpu_backend import CpuBackend
from nnunetv2_cipa.scan.mamba_ssm_backend import MambaSsmBackend
from nnunetv2_cipa.scan.torch_backend import TorchBackend
from nnunetv2_cipa.scan.triton_backend import TritonBackend

ENVIRONMENT_VARIABLE = "NNUNETV2_CIPA_SCAN"

# In order of preference: the first that is available and supports the tensors is chosen.
BACKENDS: tuple[Backend, ...] = (TritonBackend(), MambaSsmBackend(), CpuBackend(), TorchBackend())


def backend_status() -> dict[str, str | None]:
    """Every backend's name, with None if it is available, else the reason why not and how to get it."""
    return {backend.name: backend.unavailable_reason() for backend in BACKENDS}


def describe_choice(device: torch.device) -> str:
    """Which backend scans float32 on a device, with a warning if that is plain PyTorch on a GPU."""
    backend = choose_backend(device)
    chosen = f"selective scan: {backend.name}"
    if device.type != "cuda" or backend.name != "torch":
        return chosen
    if asked := os.environ.get(ENVIRONMENT_VARIABLE):
        reasons = f"{ENVIRONMENT_VARIABLE}={asked} asks for it."
    else:
        others = [other for other in BACKENDS if other is not backend and other.supports(device, torch.float32)]
        reasons = " ".join(f"{other.name}: {reason}" for other in others if (reason := other.unavailable_reason()))
    return (
        f"{chosen}. WARNING: plain PyTorch starts thousands of small kernels for each layer; on a GPU training can "
        f"take ten times as long and more. {reasons}"
    )


def flop_formulas() -> dict[torch._ops.OpOverloadPacket, Callable[..., int]]:
    """The FLOPs of each operator by the shapes of its arguments, as PyTorch's `FlopCounterMode` wants them."""
    return {
        getattr(torch.ops.nnunetv2_cipa, operator): backend.flops
        for backend in BACKENDS
        for operator in backend.operators
    }


def choose_backend(device: torch.device, dtype: torch.dtype = torch.float32, name: str | None = None) -> Backend:
    """Choose the backend for tensors on `device` scanned in `dtype` (float32 or float64).

    Args:
        device: where the tensors are.
        dtype: the dtype of the computation.
        name: the backend to use; if None, the environment variable `NNUNETV2_CIPA_SCAN` names it, and if that is not
            set or empty, the first suitable one is taken.

    Raises:
        InputError: the named backend does not exist, is not available or can't handle such tensors.
    """
    return BACKENDS[_choose_index(device, dtype, name)]


def _find_index(device: torch.device, dtype: torch.dtype, name: str | None) -> int:
    asked_by = "backend=" if name else f"{ENVIRONMENT_VARIABLE}="
    name = name or os.environ.get(ENVIRONMENT_VARIABLE)
    if not name:
        return next(
            index
            for index, backend in enumerate(BACKENDS)
            if not backend.by_name_only(device)
            and backend.supports(device, dtype)
            and backend.unavailable_reason() is None
        )
    names = [backend.name for backend in BACKENDS]
    if name not in names:
        raise InputError(
            f"{asked_by}{name}: there is no such selective-scan backend. Choose one of: {', '.join(names)}."
        )
    index = names.index(name)
    if reason := BACKENDS[index].unavailable_reason():
        raise InputError(f"{asked_by}{name}: this selective-scan backend is not available. {reason}")
    if not BACKENDS[index].supports(device, dtype):
        raise InputError(
            f"{asked_by}{name}: this selective-scan backend can't scan {str(dtype).removeprefix('torch.')} tensors on "
            f"the device '{device}'. Leave the choice open, or choose 'torch', which takes any device and dtype."
        )
    return index


# torch.compile need not look into the search: a graph keeps the backend that was chosen when it was traced.
_choose_index = torch.compiler.assume_constant_result(_find_index)
