"""The three matrix products of a projection on a processor, each as that kind of processor does it fastest."""

import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.machine import processor_vendor

CONVOLUTION_ROWS = 1024
"""From which a weight's gradient is a convolution's; it is a sum over the rows, which inner products are slow at.

The product of the forward pass is one, too, from twice as many rows.
"""

CONVOLUTION_ITEMS = 16
"""With fewer, PyTorch leaves the convolution of a single thread to its matrix products."""


@dataclass(frozen=True)
class Products:
    """How products of arrays without gaps are computed.

    Attributes:
        forward: of x (rows, C), weight (out, C), and bias (out) or None: (rows, out).
        input_gradient: of the gradient (rows, out) and weight (out, C): (rows, C).
        weight_gradient: of the gradient (rows, out) and x (rows, C): (out, C).
    """

    forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    input_gradient: Callable[[Tensor, Tensor], Tensor]
    weight_gradient: Callable[[Tensor, Tensor], Tensor]


def inner_product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply x (rows, C) by the transposed weight (out, C), plus the bias (out), with oneDNN: (rows, out)."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def _as_images(rows: Tensor) -> Tensor:
    items = math.gcd(len(rows), CONVOLUTION_ITEMS)
    return rows.view(items, 1, len(rows) // items, -1).permute(0, 3, 1, 2)


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same as a 1x1 convolution, which PyTorch hands to oneDNN."""
    y = F.conv2d(_as_images(x), weight[:, :, None, None], bias)
    return y.permute(0, 2, 3, 1).reshape(len(x), -1)


def convolution_weight_gradient(grad: Tensor, x: Tensor) -> Tensor:
    """The gradient of a 1x1 convolution's weight, from that of its output (rows, out) and x (rows, C): (out, C)."""
    weight = grad.new_empty(grad.shape[1], x.shape[1], 1, 1)
    options: tuple[Any, ...] = (None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False])
    gradient: Tensor = torch.ops.aten.convolution_backward(_as_images(grad), _as_images(x), weight, *options)[1]
    return gradient.flatten(1)


def onednn_forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product by oneDNN, of few rows as an inner product, of many as a convolution."""
    return (inner_product if len(x) < 2 * CONVOLUTION_ROWS else convolution)(x, weight, bias)


def onednn_weight_gradient(grad: Tensor, x: Tensor) -> Tensor:
    """The weight's gradient by oneDNN, of few rows as an inner product, of many as a convolution's."""
    if len(x) < CONVOLUTION_ROWS:
        return inner_product(grad.t(), x.t())
    return convolution_weight_gradient(grad, x)


PLAIN = Products(F.linear, lambda grad, weight: grad @ weight, lambda grad, x: grad.t() @ x)
"""PyTorch's own matrix products, which are MKL's where it is built with MKL."""

ONEDNN = Products(onednn_forward, lambda grad, weight: inner_product(grad, weight.t()), onednn_weight_gradient)


def _reduced_forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    y = F.linear(x.bfloat16(), weight.bfloat16()).float()
    return y if bias is None else y + bias


def _reduced_weight_gradient(grad: Tensor, x: Tensor) -> Tensor:
    grad, x = grad.bfloat16(), x.bfloat16()
    product = grad.t() @ x if len(x) < CONVOLUTION_ROWS else convolution_weight_gradient(grad, x)
    return product.float()


BFLOAT16 = Products(
    _reduced_forward,
    lambda grad, weight: (grad.bfloat16() @ weight.bfloat16()).float(),
    _reduced_weight_gradient,
)
"""Factors rounded to bfloat16, their products summed in float32 and rounded once more, for everything that follows."""

MEASURED = {("AuthenticAMD", "AVX512"): ONEDNN}
"""By vendor and instruction set, where `benchmarks/projection.py` has found other products faster than PyTorch's own.

On Intel's (GenuineIntel with AVX512) convolutions gained nothing at 512x512 pixels, and lost at 64x64.
"""

PRECISION_VARIABLE = "NNUNETV2_CIPA_CPU_PRECISION"


def products() -> Products:
    """Those of this processor, or of the precision that the environment asks for: the same throughout a process.

    Raises:
        ValueError: the variable `NNUNETV2_CIPA_CPU_PRECISION` is neither float32 nor bf16, or the processor has no
            bfloat16 products.
    """
    return _products(os.environ.get(PRECISION_VARIABLE, "float32"))


@functools.cache
def _products(precision: str) -> Products:
    if precision not in ("float32", "bf16"):
        raise ValueError(f"{PRECISION_VARIABLE} is {precision!r}; it can be float32 or bf16")
    onednn = torch.backends.mkldnn.is_available()
    if precision == "bf16":
        if not (onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
            raise ValueError(
                f"{PRECISION_VARIABLE} is bf16, but this processor has no bfloat16 products (AVX512-BF16 or AMX, or "
                "Arm's); unset it"
            )
        return BFLOAT16
    if not (onednn and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return PLAIN
    return MEASURED.get((processor_vendor(), torch.backends.cpu.get_cpu_capability()), PLAIN)
