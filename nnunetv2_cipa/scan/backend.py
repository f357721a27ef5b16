"""What every implementation of the selective scan offers."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor


class Backend(ABC):
    """One implementation of the selective scan.

    The public functions in `interface` check their arguments once, then call a backend, so that a backend meets only
    tensors of one device with matching shapes and a `(device, dtype)` that it supports. Tensors keep the dtype the
    caller gave: under autocast some are float16 or bfloat16, others float32. Every backend

    - computes in the compute dtype, float64 if the first tensor is float64, else float32, and returns that dtype;
    - returns each gradient in its input's dtype;
    - takes any strides, an empty batch, and inputs of which only some need gradients;
    - wraps its work in `torch.library.custom_op` with fake and autograd implementations, so that `torch.compile`
      sees one operator and no graph break.

    The recurrence, for each batch entry, channel and state, in float32 (Mamba, https://arxiv.org/abs/2312.00752):

        h_t = exp(delta_t * A) * h_(t-1) + delta_t * B_t * u_t,    y_t = sum over states of C_t * h_t + D * u_t
    """

    name: ClassVar[str]

    @abstractmethod
    def unavailable_reason(self) -> str | None:
        """None if this backend works in this installation, else why not and how to get it, in one sentence or two."""

    @abstractmethod
    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Whether tensors on `device` can be scanned in the compute dtype `dtype` (float32 or float64)."""

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
        K is 1 or 4; the orders are those of `orders`.
        """


def multiply_delta(delta: Tensor, delta_weight: Tensor) -> Tensor:
    """Multiply each order's delta (B, H, W, K, R) by its weight (K, D, R): (K, B, H, W, D)."""
    batch, height, width, directions, _ = delta.shape
    product = torch.bmm(delta.flatten(0, 2).transpose(0, 1), delta_weight.to(delta.dtype).transpose(1, 2))
    return product.view(directions, batch, height, width, product.shape[-1])
