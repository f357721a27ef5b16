"""The public selective scans: arguments are checked here, then a backend computes."""

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.orders import DIRECTIONS
from nnunetv2_cipa.scan.registry import choose_backend
from nnunetv2_cipa.scan.kernel import compute_dtype


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
    if B.dim() == 3:
        B = B.unsqueeze(1)
    if C.dim() == 3:
        C = C.unsqueeze(1)
    D = A.new_zeros(A.shape[0]) if D is None else D
    delta_bias = A.new_zeros(A.shape[0]) if delta_bias is None else delta_bias
    chosen = choose_backend(u.device, compute_dtype(u), backend)
    return chosen.selective_scan(u, delta, A, B, C, D, delta_bias, delta_softplus)


def selective_scan_2d(
    x: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    delta_bias: Tensor,
    *,
    backend: str | None = None,
) -> Tensor:
    chosen = choose_backend(x.device, compute_dtype(x), backend)
    return chosen.selective_scan_2d(x, delta, A, B, C, D, delta_bias)
