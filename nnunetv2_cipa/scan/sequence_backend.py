"""Backends whose implementation scans sequences: both public scans as operators, made from one kernel."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, cast

import torch
from torch import Tensor

from nnunetv2_cipa.scan.backend import Backend, multiply_delta
from nnunetv2_cipa.scan.kernel import ScanTensors, SequenceKernel, compute_dtype
from nnunetv2_cipa.scan.layouts import Layout, MapLayout, SequenceLayout

_INPUTS = "Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor D, Tensor delta_bias, bool delta_softplus"
_GRADIENTS = ", ".join(["Tensor"] * len(ScanTensors._fields))


class SequenceBackend(Backend):
    """A backend made from a `SequenceKernel`.

    Tensors are brought into the kernel's layout inside the operator, a block of the batch at a time, forward and again
    backward, so that only the caller's own tensors and the kernel's states are kept between the two.
    """

    def __init__(self, kernel: SequenceKernel) -> None:
        self._scan = _operator(f"{self.name}_scan", kernel, SequenceLayout())
        self._scan_2d = _operator(f"{self.name}_scan_2d", kernel, MapLayout())

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
        if delta_weight is not None:
            delta = multiply_delta(delta, delta_weight)
        return self._scan_2d(x, delta, A, B, C, D, delta_bias, True)[0]


class _Context(Protocol):
    """The parts of autograd's context that are used."""

    delta_softplus: bool
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...


def _unpack(arguments: tuple[Tensor | bool, ...]) -> tuple[ScanTensors, bool]:
    *tensors, delta_softplus = arguments
    return ScanTensors(*cast(list[Tensor], tensors)), bool(delta_softplus)


def _no_autocast(device: torch.device) -> AbstractContextManager[object]:
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


def _operator(name: str, kernel: SequenceKernel, layout: Layout) -> Callable[..., tuple[Tensor, Tensor]]:
    """Register `nnunetv2_cipa::name`, which returns the public output and the states, and its backward."""

    def forward(*arguments: Tensor | bool) -> tuple[Tensor, Tensor]:
        inputs, delta_softplus = _unpack(arguments)
        y, states = forward_shapes(*arguments)
        for rows in batch_blocks(inputs):
            block = layout.block(inputs, rows)
            with _no_autocast(inputs.u.device):
                sequences, states[rows] = kernel.forward(layout.inputs_to_kernel(block), delta_softplus)
            y[rows] = layout.output_from_kernel(sequences, block)
        return y, states

    def forward_shapes(*arguments: Tensor | bool) -> tuple[Tensor, Tensor]:
        inputs, _ = _unpack(arguments)
        dtype = compute_dtype(inputs.u)
        states_shape = kernel.states_shape(layout.sizes(inputs), inputs.u.device)
        return inputs.u.new_empty(inputs.u.shape, dtype=dtype), inputs.u.new_empty(states_shape, dtype=dtype)

    def backward(grad_y: Tensor, states: Tensor, *arguments: Tensor | bool) -> tuple[Tensor, ...]:
        inputs, delta_softplus = _unpack(arguments)
        totals = ScanTensors(
            *(
                tensor.new_zeros(tensor.shape, dtype=grad_y.dtype) if axis is None else tensor.new_empty(tensor.shape)
                for tensor, axis in zip(inputs, layout.batch_axes, strict=True)
            )
        )
        for rows in batch_blocks(inputs):
            block = layout.block(inputs, rows)
            with _no_autocast(inputs.u.device):
                grad_sequences = layout.output_to_kernel(grad_y[rows], block)
                gradients = kernel.backward(
                    grad_sequences, layout.inputs_to_kernel(block), delta_softplus, states[rows]
                )
            targets, sources = layout.block(totals, rows), layout.gradients_from_kernel(gradients, block)
            for target, source, axis in zip(targets, sources, layout.batch_axes, strict=True):
                target.add_(source) if axis is None else target.copy_(source)
        return tuple(total.to(tensor.dtype) for total, tensor in zip(totals, inputs, strict=True))

    def backward_shapes(grad_y: Tensor, states: Tensor, *arguments: Tensor | bool) -> tuple[Tensor, ...]:
        return tuple(tensor.new_empty(tensor.shape) for tensor in _unpack(arguments)[0])

    def batch_blocks(inputs: ScanTensors) -> Iterator[slice]:
        sizes = layout.sizes(inputs)
        size = kernel.batch_block(sizes, inputs.u.device)
        return (slice(start, min(start + size, sizes.batch)) for start in range(0, sizes.batch, size))

    def keep(ctx: _Context, inputs: tuple[Tensor | bool, ...], output: tuple[Tensor, Tensor]) -> None:
        tensors, ctx.delta_softplus = _unpack(inputs)
        ctx.save_for_backward(output[1], *tensors)
        ctx.set_materialize_grads(False)

    def differentiate(ctx: _Context, grad_y: Tensor | None, grad_states: None) -> tuple[Tensor | None, ...]:
        if grad_y is None:
            return (None,) * (len(ScanTensors._fields) + 1)
        return *scan_backward(grad_y, *ctx.saved_tensors, ctx.delta_softplus), None

    scan = torch.library.custom_op(
        f"nnunetv2_cipa::{name}", forward, mutates_args=(), schema=f"({_INPUTS}) -> (Tensor, Tensor)"
    )
    scan_backward = torch.library.custom_op(
        f"nnunetv2_cipa::{name}_backward",
        backward,
        mutates_args=(),
        schema=f"(Tensor grad_y, Tensor states, {_INPUTS}) -> ({_GRADIENTS})",
    )
    scan.register_fake(forward_shapes)
    scan_backward.register_fake(backward_shapes)
    scan.register_autograd(differentiate, setup_context=keep)
    return scan
