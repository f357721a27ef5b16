"""Projections of the channels of channels-last arrays, which take most of the network's time."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Projection(nn.Linear):
    """A linear layer over the last axis, computed by `project`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., out_features)."""
        return project(x, self.weight, self.bias)


def project(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`; in float32 on a CPU by oneDNN's inner product, forward and for both gradients.

    PyTorch's own matrix products there are MKL's, which on AMD's AVX-512 processors take about twice as long; as 1x1
    convolutions, which PyTorch leaves to oneDNN too, those of few rows take several times as long
    (`python benchmarks/projection.py`).

    Args:
        x: (..., C).
        weight: (out, C).
        bias: (out).

    Returns:
        x times the transposed weight, plus the bias: (..., out).
    """
    if not _by_onednn(x):
        return F.linear(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1]).contiguous()  # oneDNN is a hundred times slower on gaps
    learns = any(tensor is not None and tensor.requires_grad for tensor in (x, weight, bias))
    if learns and torch.is_grad_enabled():
        y: Tensor = _InnerProduct.apply(rows, weight, bias)
    else:
        y = inner_product(rows, weight, bias)
    return y.view(*x.shape[:-1], weight.shape[0])


def _by_onednn(x: Tensor) -> bool:
    """Whether oneDNN computes it: compiled code has its products anyway, autocast those in other dtypes."""
    other = torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu")
    return _ONEDNN is not None and x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0 and not other


def _find_onednn() -> Any:  # noqa: ANN401 - torch's operators have no types
    """PyTorch's operator for oneDNN's inner product of ordinary tensors; None in a build without oneDNN."""
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


_ONEDNN = _find_onednn()


def flop_formulas() -> dict[Any, Callable[..., int]]:
    """The FLOPs of oneDNN's inner product by the shapes of x and weight, which PyTorch's counter does not know."""
    return {} if _ONEDNN is None else {_ONEDNN: _inner_product_flops}


def _inner_product_flops(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:  # noqa: ANN401
    return 2 * math.prod(x) * weight[0]


def inner_product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply x (rows, C) by the transposed weight (out, C) with oneDNN: (rows, out). Both without gaps in memory."""
    product: Tensor = _ONEDNN(x, weight, bias, "none", [], "")
    return product


class _InnerProduct(torch.autograd.Function):
    """`inner_product` with gradients that are inner products too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        return inner_product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        grad_y = grad_y.contiguous()
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            inner_product(grad_y, weight.t()) if for_x else None,
            inner_product(grad_y.t(), x.t()) if for_weight else None,
            grad_y.sum(dim=0) if for_bias else None,
        )
