"""The selective scan as PyTorch sees it: one maker of operators, whatever computes them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor

_TENSORS = "Tensor x, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor D, Tensor delta_bias, Tensor? delta_weight"
_INPUTS = f"{_TENSORS}, bool softplus"
_NOTHING_KEPT = (0,)


class Scan(NamedTuple):
    """The arguments of a scan, of maps or (in brackets) of sequences; tensors of any strides and real dtypes.

    Attributes:
        x: (B, H, W, D) [(B, G*D, L)].
        delta: (K, B, H, W, D), or with a `delta_weight` (B, H, W, K, R) [(B, G*D, L)].
        A: (K, D, N) [(G*D, N)].
        B: (B, H, W, K, N) [(B, G, N, L)].
        C: (B, H, W, K, N) [(B, G, N, L)].
        D: (K, D) [(G*D)].
        delta_bias: (K, D) [(G*D)].
        delta_weight: (K, D, R), by which each order's delta is multiplied, or None [None].
        softplus: whether the step is softplus(delta + delta_bias) or delta + delta_bias.
    """

    x: Tensor
    delta: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor
    delta_bias: Tensor
    delta_weight: Tensor | None = None
    softplus: bool = True

    def tensors(self) -> list[Tensor]:
        """The tensors that there are."""
        return [value for value in self if isinstance(value, Tensor)]


class Kernel(ABC):
    """Forward and backward of a scan, outside of autograd and autocast. Results are new, of the compute dtype."""

    @abstractmethod
    def kept_shape(self, scan: Scan) -> tuple[int, ...]:
        """Shape of what `backward` needs beside the arguments, a tensor of the compute dtype."""

    @abstractmethod
    def forward(self, scan: Scan, keep: bool) -> tuple[Tensor, Tensor | None]:
        """Return y, of the shape of x, and what `backward` needs, which is of no interest unless `keep`."""

    @abstractmethod
    def backward(self, grad_y: Tensor, kept: Tensor, scan: Scan) -> Sequence[Tensor]:
        """Return the gradients of `scan.tensors()`."""


class _Context(Protocol):
    """The parts of autograd's context that are used."""

    softplus: bool
    saved_tensors: tuple[Tensor | None, ...]

    def save_for_backward(self, *tensors: Tensor | None) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype in which a scan of `tensor` is computed: float64 for float64, else float32."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def make_operator(name: str, kernel: Kernel) -> Callable[..., Tensor]:
    """Register `nnunetv2_cipa::name` and its backward: what they compute, their shapes and autograd.

    A name can be registered once in a process.

    Returns:
        A function of a `Scan`'s fields that returns y. States are kept only if there will be a backward pass.
    """

    def forward(*arguments: Tensor | bool | None) -> tuple[Tensor, Tensor]:
        *inputs, keep = arguments
        scan = _as_scan(inputs)
        with _no_autocast(scan.x.device):
            y, kept = kernel.forward(scan, bool(keep))
        return y, kept if keep and kept is not None else y.new_empty(_NOTHING_KEPT)

    def forward_shapes(*arguments: Tensor | bool | None) -> tuple[Tensor, Tensor]:
        *inputs, keep = arguments
        scan = _as_scan(inputs)
        y = scan.x.new_empty(scan.x.shape, dtype=compute_dtype(scan.x))
        return y, y.new_empty(kernel.kept_shape(scan) if keep else _NOTHING_KEPT)

    def backward(grad_y: Tensor, kept: Tensor, *arguments: Tensor | bool | None) -> list[Tensor]:
        scan = _as_scan(arguments)
        with _no_autocast(scan.x.device):
            gradients = kernel.backward(grad_y, kept, scan)
        return [gradient.to(tensor.dtype) for gradient, tensor in zip(gradients, scan.tensors(), strict=True)]

    def backward_shapes(grad_y: Tensor, kept: Tensor, *arguments: Tensor | bool | None) -> list[Tensor]:
        return [tensor.new_empty(tensor.shape) for tensor in _as_scan(arguments).tensors()]

    def differentiate(ctx: _Context, grad_y: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        kept, *tensors = ctx.saved_tensors  # may be read only once under activation checkpointing
        if grad_y is None:
            return *(None for _ in tensors), None, None
        gradients = iter(backward_operator(grad_y, kept, *tensors, ctx.softplus))
        return *(None if tensor is None else next(gradients) for tensor in tensors), None, None

    operator = torch.library.custom_op(
        f"nnunetv2_cipa::{name}", forward, mutates_args=(), schema=f"({_INPUTS}, bool keep) -> (Tensor, Tensor)"
    )
    backward_operator = torch.library.custom_op(
        f"nnunetv2_cipa::{name}_backward",
        backward,
        mutates_args=(),
        schema=f"(Tensor grad_y, Tensor kept, {_INPUTS}) -> Tensor[]",
    )
    operator.register_fake(forward_shapes)
    backward_operator.register_fake(backward_shapes)
    operator.register_autograd(differentiate, setup_context=_save_for_backward)

    def scan(*arguments: Tensor | bool | None) -> Tensor:
        wanted = any(isinstance(value, Tensor) and value.requires_grad for value in arguments)
        return operator(*arguments, wanted and torch.is_grad_enabled())[0]

    return scan


def scan_flops(
    x: Sequence[int],
    delta: Sequence[int],
    A: Sequence[int],
    B: Sequence[int],
    C: Sequence[int],
    D: Sequence[int],
    delta_bias: Sequence[int],
    delta_weight: Sequence[int] | None,
    *_: Any,  # noqa: ANN401
    **__: Any,  # noqa: ANN401
) -> int:
    """Operations of a scan, a multiplication and an addition as two, by the shapes of a `Scan`'s fields.

    At each position of each order, every channel takes 7 for each state, in

        h = exp(delta * A) * h + (delta * x) * B,    y = sum over states of C * h + D * x

    (product and exponential of delta and A, product with h, product with B, sum, product with C, sum), and 3 more
    (delta * x, D * x and its sum). With a delta_weight (K, D, R), it takes 2 R to multiply delta by it.
    """
    *orders, _channels, states = A
    rank = 0 if delta_weight is None else delta_weight[-1]
    return prod(orders) * prod(x) * (7 * states + 3 + 2 * rank)


def _as_scan(arguments: Sequence[Tensor | bool | None]) -> Scan:
    return Scan(*cast(Sequence[Any], arguments))


def _save_for_backward(ctx: _Context, inputs: tuple[Tensor | bool | None, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, softplus, _ = inputs
    ctx.save_for_backward(output[1], *cast(list[Tensor | None], tensors))
    ctx.softplus = bool(softplus)
    ctx.set_materialize_grads(False)


def _no_autocast(device: torch.device) -> AbstractContextManager[object]:
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()
