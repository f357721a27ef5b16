"""Backends whose implementation scans sequences: both public scans and their operators, made from one kernel."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nnunetv2_cipa.scan.backend import Backend
from nnunetv2_cipa.scan.orders import to_maps, to_sequences


class SequenceKernel(ABC):
    """Forward and backward of the selective scan over G groups of sequences, outside of autograd.

    u, delta, y (B, G, L, D); A (G, D, N); B, C (B, G, L, N); D, delta_bias (G, D); any strides and dtypes. Results are
    in the compute dtype. `states` is whatever the backward needs besides the inputs.
    """

    @abstractmethod
    def states_shape(
        self, device: torch.device, batch: int, groups: int, length: int, channels: int, state_size: int
    ) -> tuple[int, ...]:
        """Shape of `states`, in the compute dtype."""

    @abstractmethod
    def forward(
        self,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
    ) -> tuple[Tensor, Tensor]:
        """Return y and `states`."""

    @abstractmethod
    def backward(
        self,
        grad_y: Tensor,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
        states: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the gradients of u, delta, A, B, C, D and delta_bias."""


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype in which a scan of `tensor` is computed: float64 for float64, else float32."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


class SequenceBackend(Backend):
    """A backend made from a `SequenceKernel`; the 2D scan gathers the K orders as K groups and sums the results.

    The gathering happens inside the operator, forward and again backward, so that only the caller's own tensors and
    the kernel's states are kept between the two.
    """

    def __init__(self, kernel: SequenceKernel) -> None:
        self._scan = _operator(f"{self.name}_scan", _Sequences(kernel))
        self._scan_2d = _operator(f"{self.name}_scan_2d", _Maps(kernel))

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
        """See `Backend.selective_scan`."""
        return self._scan(u, delta, A, B, C, D, delta_bias, delta_softplus)[0]

    def selective_scan_2d(
        self, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, delta_bias: Tensor
    ) -> Tensor:
        """See `Backend.selective_scan_2d`."""
        return self._scan_2d(x, delta, A, B, C, D, delta_bias, True)[0]


class _Layout(ABC):
    """Brings one public scan's tensors into a kernel's layout and back; the seven inputs in the order of the scan."""

    def __init__(self, kernel: SequenceKernel) -> None:
        self.kernel = kernel

    @abstractmethod
    def sizes(self, inputs: Sequence[Tensor]) -> tuple[int, int, int, int, int]:
        """B, G, L, D, N."""

    @abstractmethod
    def to_kernel(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The seven inputs as the kernel wants them."""

    @abstractmethod
    def output_to_kernel(self, grad_y: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        """A gradient of the public output as the kernel's y."""

    @abstractmethod
    def output_from_kernel(self, y: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        """The kernel's y as the public output."""

    @abstractmethod
    def gradients_from_kernel(self, gradients: Sequence[Tensor], inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The kernel's seven gradients in the shapes of the public inputs."""


class _Sequences(_Layout):
    """u, delta (B, G*D, L); A (G*D, N); B, C (B, G, N, L); D, delta_bias (G*D); y (B, G*D, L)."""

    def sizes(self, inputs: Sequence[Tensor]) -> tuple[int, int, int, int, int]:
        batch, channels, length = inputs[0].shape
        groups, state_size = inputs[3].shape[1:3]
        return batch, groups, length, channels // groups, state_size

    def to_kernel(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        u, delta, A, B, C, D, delta_bias = inputs
        _, groups, _, channels, _ = self.sizes(inputs)
        split = (groups, channels)
        return (
            u.unflatten(1, split).transpose(2, 3),
            delta.unflatten(1, split).transpose(2, 3),
            A.unflatten(0, split),
            B.transpose(2, 3),
            C.transpose(2, 3),
            D.unflatten(0, split),
            delta_bias.unflatten(0, split),
        )

    def output_to_kernel(self, grad_y: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        _, groups, _, channels, _ = self.sizes(inputs)
        return grad_y.unflatten(1, (groups, channels)).transpose(2, 3)

    def output_from_kernel(self, y: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        return y.transpose(2, 3).flatten(1, 2)

    def gradients_from_kernel(self, gradients: Sequence[Tensor], inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        du, ddelta, dA, dB, dC, dD, ddelta_bias = gradients
        return (
            du.transpose(2, 3).flatten(1, 2),
            ddelta.transpose(2, 3).flatten(1, 2),
            dA.flatten(0, 1),
            dB.transpose(2, 3),
            dC.transpose(2, 3),
            dD.flatten(),
            ddelta_bias.flatten(),
        )


class _Maps(_Layout):
    """x, y (B, H, W, D); delta (K, B, H, W, D); A (K, D, N); B, C (B, H, W, K, N); D, delta_bias (K, D)."""

    def sizes(self, inputs: Sequence[Tensor]) -> tuple[int, int, int, int, int]:
        directions, batch, height, width, channels = inputs[1].shape
        return batch, directions, height * width, channels, inputs[2].shape[-1]

    def to_kernel(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        x, delta, A, B, C, D, delta_bias = inputs
        return (
            self.output_to_kernel(x, inputs),
            to_sequences(delta),
            A,
            to_sequences(B.movedim(3, 0)),
            to_sequences(C.movedim(3, 0)),
            D,
            delta_bias,
        )

    def output_to_kernel(self, grad_y: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        return to_sequences([grad_y] * len(inputs[1]))

    def output_from_kernel(self, y: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        first, *others = to_maps(y, *inputs[0].shape[1:3])
        for other in others:
            first = first + other
        return first

    def gradients_from_kernel(self, gradients: Sequence[Tensor], inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        du, ddelta, dA, dB, dC, dD, ddelta_bias = gradients
        height, width = inputs[0].shape[1:3]
        return (
            self.output_from_kernel(du, inputs),
            torch.stack(to_maps(ddelta, height, width)),
            dA,
            torch.stack(to_maps(dB, height, width), dim=3),
            torch.stack(to_maps(dC, height, width), dim=3),
            dD,
            ddelta_bias,
        )


def _operator(name: str, layout: _Layout) -> Callable[..., tuple[Tensor, Tensor]]:
    """Register the operator `nnunetv2_cipa::name`, its backward, and their fake implementations."""
    kernel = layout.kernel

    @torch.library.custom_op(f"nnunetv2_cipa::{name}", mutates_args=())
    def scan(
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
    ) -> tuple[Tensor, Tensor]:
        inputs = (u, delta, A, B, C, D, delta_bias)
        y, states = kernel.forward(*layout.to_kernel(inputs), delta_softplus)
        return layout.output_from_kernel(y, inputs).contiguous(), states

    @scan.register_fake
    def _(u: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
        dtype = compute_dtype(u)
        states_shape = kernel.states_shape(u.device, *layout.sizes((u, *others[:6])))
        return u.new_empty(u.shape, dtype=dtype), u.new_empty(states_shape, dtype=dtype)

    @torch.library.custom_op(f"nnunetv2_cipa::{name}_backward", mutates_args=())
    def scan_backward(
        grad_y: Tensor,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
        states: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        inputs = (u, delta, A, B, C, D, delta_bias)
        grad_sequences = layout.output_to_kernel(grad_y, inputs)
        gradients = kernel.backward(grad_sequences, *layout.to_kernel(inputs), delta_softplus, states)
        public = layout.gradients_from_kernel(gradients, inputs)
        du, ddelta, dA, dB, dC, dD, ddelta_bias = (
            gradient.to(tensor.dtype).contiguous() for gradient, tensor in zip(public, inputs, strict=True)
        )
        return du, ddelta, dA, dB, dC, dD, ddelta_bias

    @scan_backward.register_fake
    def _(grad_y: Tensor, *others: Any) -> tuple[Tensor, ...]:
        return tuple(tensor.new_empty(tensor.shape) for tensor in others[:7])

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs[:7], output[1])
        ctx.delta_softplus = inputs[7]

    def differentiate(ctx: Any, grad_y: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, ...]:
        if grad_y is None:
            return (None,) * 8
        *inputs, states = ctx.saved_tensors
        return *scan_backward(grad_y, *inputs, ctx.delta_softplus, states), None

    scan.register_autograd(differentiate, setup_context=setup_context)
    return scan
