"""The public selective scans: arguments are checked here, once for every backend, then a backend computes."""

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.backend import Backend
from nnunetv2_cipa.scan.layouts import DIRECTIONS
from nnunetv2_cipa.scan.operators import compute_dtype
from nnunetv2_cipa.scan.registry import choose_backend

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    *,
    backend: str | None = None,
) -> Tensor:
    """Selective scan of sequences, with mamba-ssm's arguments (https://arxiv.org/abs/2312.00752, algorithm 2).

    With step = delta + delta_bias, through softplus if `delta_softplus`, for each channel and state:
    h_t = exp(step_t * A) * h_(t-1) + step_t * B_t * u_t and y_t = sum over states of C_t * h_t, + D * u_t.

    Args:
        u: (batch, G*channels, L).
        delta: (batch, G*channels, L).
        A: (G*channels, N), negative for a state that decays.
        B: (batch, G, N, L), shared by the channels of a group; (batch, N, L) is one group.
        C: like B.
        D: (G*channels).
        delta_bias: (G*channels).
        delta_softplus: pass the biased delta through softplus.
        backend: name of a backend; None leaves the choice to `choose_backend`.

    Returns:
        y (batch, G*channels, L) in float64 if u is float64, else in float32, whatever the other dtypes and autocast.

    Raises:
        InputError: shapes, dtypes or devices don't go together, or the backend can't be had.
    """
    axes: dict[str, tuple[Tensor | None, str]] = {
        "u": (u, "batch channels length"),
        "delta": (delta, "batch channels length"),
        "A": (A, "channels states"),
        "B": (B, "batch states length" if _dimensions(B) == 3 else "batch groups states length"),
        "C": (C, "batch states length" if _dimensions(C) == 3 else "batch groups states length"),
        "D": (D, "channels"),
        "delta_bias": (delta_bias, "channels"),
    }
    sizes = _check("selective_scan", {name: value for name, value in axes.items() if value[0] is not None})
    B, C = (tensor.unsqueeze(1) if tensor.dim() == 3 else tensor for tensor in (B, C))
    if B.shape[1] != C.shape[1] or sizes["channels"] % B.shape[1]:
        raise InputError(
            f"selective_scan: B has {B.shape[1]} groups, C {C.shape[1]}, and u {sizes['channels']} channels; "
            "expected the same number of groups in both, by which the channels can be divided."
        )
    D = A.new_zeros(A.shape[0]) if D is None else D
    delta_bias = A.new_zeros(A.shape[0]) if delta_bias is None else delta_bias
    return _backend(u, backend).selective_scan(u, delta, A, B, C, D, delta_bias, delta_softplus)


def selective_scan_2d(
    x: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    delta_bias: Tensor,
    delta_weight: Tensor | None = None,
    *,
    backend: str | None = None,
) -> Tensor:
    """Selective scan of channels-last maps along K orders of their positions (VMamba, https://arxiv.org/abs/2401.10166).

    K is 4 (row by row, column by column, and both backwards) or 1 (row by row; a sequence if W = 1). Each order k is
    a selective scan with softplus(delta[k] + delta_bias[k]) as steps; results are summed by position. Everything is
    indexed by position, not by the order of the scan.

    Args:
        x: (batch, H, W, channels).
        delta: (K, batch, H, W, channels), before bias and softplus; with a `delta_weight` (batch, H, W, K, R).
        A: (K, channels, N), negative.
        B: (batch, H, W, K, N).
        C: (batch, H, W, K, N).
        D: (K, channels).
        delta_bias: (K, channels).
        delta_weight: (K, channels, R); if given, each order's delta is multiplied by its own, from R to all channels.
            That spares the memory of the product.
        backend: name of a backend; None leaves the choice to `choose_backend`.

    Returns:
        y (batch, H, W, channels) in float64 if x is float64, else in float32, whatever the other dtypes and autocast.

    Raises:
        InputError: shapes, dtypes or devices don't go together, or the backend can't be had.
    """
    low_rank = delta_weight is not None
    axes: dict[str, tuple[Tensor | None, str]] = {
        "x": (x, "batch height width channels"),
        "delta": (
            delta,
            "batch height width directions rank" if low_rank else "directions batch height width channels",
        ),
        "A": (A, "directions channels states"),
        "B": (B, "batch height width directions states"),
        "C": (C, "batch height width directions states"),
        "D": (D, "directions channels"),
        "delta_bias": (delta_bias, "directions channels"),
        "delta_weight": (delta_weight, "directions channels rank"),
    }
    sizes = _check("selective_scan_2d", {name: value for name, value in axes.items() if value[0] is not None})
    if sizes["directions"] not in DIRECTIONS:
        raise InputError(f"selective_scan_2d: delta has {sizes['directions']} directions (axis 0), expected 1 or 4.")
    return _backend(x, backend).selective_scan_2d(x, delta, A, B, C, D, delta_bias, delta_weight)


def _check(function: str, arguments: dict[str, tuple[Tensor | None, str]]) -> dict[str, int]:
    """Check every argument against its named axes and the first argument's device; return the sizes of the axes.

    An axis has the size with which it is met first; only the batch may be empty.
    """
    sizes: dict[str, int] = {}
    device = None
    for name, (tensor, axes) in arguments.items():
        if not isinstance(tensor, Tensor):
            raise InputError(f"{function}: {name} is a {type(tensor).__name__}, expected a tensor.")
        if tensor.dtype not in FLOATING:
            raise InputError(f"{function}: {name} has dtype {tensor.dtype}, expected a real floating-point dtype.")
        device = tensor.device if device is None else device
        if tensor.device != device:
            raise InputError(f"{function}: {name} is on {tensor.device}, expected {device} like the first argument.")
        expected = axes.split()
        fits = tensor.dim() == len(expected)
        for axis, size in zip(expected, tensor.shape, strict=False):
            fits = fits and size == sizes.setdefault(axis, size) and (size > 0 or axis == "batch")
        if not fits:
            known = ", ".join(f"{axis} {sizes[axis]}" if axis in sizes else axis for axis in expected)
            raise InputError(
                f"{function}: {name} has shape {tuple(tensor.shape)}, expected ({known}), none but the batch empty."
            )
    return sizes


def _dimensions(tensor: Tensor) -> int:
    return tensor.dim() if isinstance(tensor, Tensor) else 0


def _backend(first: Tensor, name: str | None) -> Backend:
    return choose_backend(first.device, compute_dtype(first), name)
