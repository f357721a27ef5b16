"""Projections of the channels of channels-last arrays, which take most of the network's time."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nnunetv2_cipa.network.products import PLAIN, products


class Projection(nn.Linear):
    """A linear layer over the last axis, computed by `project`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., out_features)."""
        return project(x, self.weight, self.bias)


def project(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`; in float32 on a processor by the products that are fastest there, forward and for both gradients.

    Args:
        x: (..., C).
        weight: (out, C).
        bias: (out).

    Returns:
        x times the transposed weight, plus the bias: (..., out).
    """
    if not is_plain_float32(x) or products() is PLAIN:  # in this order: compiled code can't ask for the processor
        return F.linear(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1]).contiguous()  # oneDNN is a hundred times slower on gaps
    learns = any(tensor is not None and tensor.requires_grad for tensor in (x, weight, bias))
    if learns and torch.is_grad_enabled():
        y: Tensor = _Product.apply(rows, weight, bias)
    else:
        y = products().forward(rows, weight, bias)
    return y.view(*x.shape[:-1], weight.shape[0])


def is_plain_float32(x: Tensor) -> bool:
    """Whether x has float32 numbers on a processor, and PyTorch neither compiles, casts, counts nor fakes operators."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0
    if not plain or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    return torch._C._len_torch_dispatch_stack() == 0


class _Product(torch.autograd.Function):
    """The products of a projection."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        return products().forward(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        grad_y = grad_y.contiguous()
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            products().input_gradient(grad_y, weight) if for_x else None,
            products().weight_gradient(grad_y, x) if for_weight else None,
            grad_y.sum(dim=0) if for_bias else None,
        )
