"""What every implementation of the selective scan offers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from nnunetv2_cipa.scan.operators import Kernel, make_operator, scan_flops


class Backend(ABC):
    """One implementation of the selective scan.

    The public functions in `interface` check their arguments once, then call a backend, so that a backend meets only
    tensors of one device with matching shapes and a `(device, dtype)` that it supports. Tensors keep the dtype the
    caller gave: under autocast some are float16 or bfloat16, others float32. Every backend

    - computes in the compute dtype, float64 if the first tensor is float64, else float32, and returns that dtype;
    - returns each gradient in its input's dtype;
    - takes any strides, an empty batch, and inputs of which only some need gradients;
    - has its work made an operator by `operators.make_operator`, so that `torch.compile` sees no graph break.

    Write a new one as a `MapBackend` or `sequence_backend.SequenceBackend`, whichever of the two scans its kernel
    computes, and add it to `registry.BACKENDS`; `tests/scan/test_interface.py` then tests it wherever it is available.

    The recurrence, for each batch entry, channel and state, in float32 (Mamba, https://arxiv.org/abs/2312.00752):

        h_t = exp(delta_t * A) * h_(t-1) + delta_t * B_t * u_t,    y_t = sum over states of C_t * h_t + D * u_t
    """

    name: ClassVar[str]
    operators: ClassVar[tuple[str, ...]]  # by their names in torch.ops.nnunetv2_cipa, what a scan calls in its forward
    flops: ClassVar[Callable[..., int]] = staticmethod(scan_flops)  # of each of them, by the shapes of its arguments

    @abstractmethod
    def unavailable_reason(self) -> str | None:
        """None if this backend works in this installation, else why not and how to get it, in one sentence or two."""

    @abstractmethod
    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Whether tensors on `device` can be scanned in the compute dtype `dtype` (float32 or float64)."""

    def by_name_only(self, device: torch.device) -> bool:
        """Whether this backend is never chosen for tensors on `device` unless it is asked for."""
        return False

    @abstractmethod
    def selective_scan(
        self,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
    ) -> Tensor:
        """Scan sequences: u, delta (B, G*D, L); A (G*D, N); B, C (B, G, N, L); D, delta_bias (G*D); y (B, G*D, L)."""

    @abstractmethod
    def selective_scan_2d(
        self,
        x: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_weight: Tensor | None = None,
    ) -> Tensor:
        """Scan maps in K orders, softplus applied to delta + delta_bias, and sum the results by position.

        x (B, H, W, D); delta (K, B, H, W, D); A (K, D, N); B, C (B, H, W, K, N); D, delta_bias (K, D); y (B, H, W, D).
        With a delta_weight (K, D, R), delta is (B, H, W, K, R), to be multiplied by it first.
        K is 1 or 4; the orders are those of `layouts.to_sequences`.
        """


class MapBackend(Backend):
    """A backend whose kernel scans maps as `selective_scan_2d` does, with or without softplus."""

    kernel: ClassVar[Kernel]
    _scan: ClassVar[Callable[..., Tensor]]

    def __init_subclass__(cls) -> None:
        """Register the operator, once for all instances."""
        cls.operators = (f"{cls.name}_scan",)
        cls._scan = staticmethod(make_operator(cls.operators[0], cls.kernel))

    def selective_scan(
        self,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
    ) -> Tensor:
        """See `Backend.selective_scan`: each group is scanned as a map of height 1."""
        groups = B.shape[1]
        u, delta = (tensor.unflatten(1, (groups, -1)).permute(1, 0, 3, 2).unsqueeze(2) for tensor in (u, delta))
        A, D, delta_bias = (tensor.unflatten(0, (groups, 1, -1)) for tensor in (A, D, delta_bias))
        B, C = (tensor.permute(1, 0, 3, 2)[:, :, None, :, None] for tensor in (B, C))  # (G, B, 1, L, 1, N)
        outputs = [
            self._scan(u[g], delta[g, None], A[g], B[g], C[g], D[g], delta_bias[g], None, delta_softplus)
            for g in range(groups)
        ]
        return torch.stack(outputs).squeeze(2).permute(1, 0, 3, 2).flatten(1, 2)

    def selective_scan_2d(
        self,
        x: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_weight: Tensor | None = None,
    ) -> Tensor:
        """See `Backend.selective_scan_2d`."""
        return self._scan(x, delta, A, B, C, D, delta_bias, delta_weight, True)
