"""Backends whose implementation scans sequences: both public scans are made from one kernel."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from nnunetv2_cipa.scan.backend import Backend
from nnunetv2_cipa.scan.layouts import Layout, MapLayout, ScanSizes, ScanTensors, SequenceLayout
from nnunetv2_cipa.scan.operators import Kernel, Scan, compute_dtype, make_operator


class SequenceKernel(ABC):
    """Forward and backward of the selective scan over groups of sequences, outside of autograd.

    u, delta and y are (L, B, G, D); A (G, D, N); B, C (L, B, G, N); D, delta_bias (G, D); any strides and dtypes.
    Results are in the compute dtype. `states` is whatever the backward needs besides the inputs, batch first.
    """

    @abstractmethod
    def batch_block(self, sizes: ScanSizes, device: torch.device) -> int:
        """How many batch entries the kernel wants at once, so that a large batch takes no more memory."""

    @abstractmethod
    def states_shape(self, sizes: ScanSizes, device: torch.device) -> tuple[int, ...]:
        """Shape of `states`, which has the compute dtype."""

    @abstractmethod
    def forward(self, inputs: ScanTensors, delta_softplus: bool) -> tuple[Tensor, Tensor]:
        """Return y and `states`."""

    @abstractmethod
    def backward(self, grad_y: Tensor, inputs: ScanTensors, delta_softplus: bool, states: Tensor) -> ScanTensors:
        """Return the gradients of the inputs."""


class SequenceBackend(Backend):
    """A backend made from a `SequenceKernel`."""

    kernel: ClassVar[SequenceKernel]
    _scan: ClassVar[Callable[..., Tensor]]
    _scan_2d: ClassVar[Callable[..., Tensor]]

    def __init_subclass__(cls) -> None:
        """Register the operators, once for all instances."""
        cls.operators = (f"{cls.name}_scan", f"{cls.name}_scan_2d")
        layouts = (SequenceLayout(), MapLayout())
        cls._scan, cls._scan_2d = (
            staticmethod(make_operator(name, LaidOutKernel(cls.kernel, layout)))
            for name, layout in zip(cls.operators, layouts, strict=True)
        )

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
        return self._scan(u, delta, A, B, C, D, delta_bias, None, delta_softplus)

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
        return self._scan_2d(x, delta, A, B, C, D, delta_bias, None, True)


class LaidOutKernel(Kernel):
    """A `SequenceKernel` for the arguments of a public scan.

    Tensors are brought into the kernel's layout inside the operator, a block of the batch at a time, forward and again
    backward, so that only the caller's own tensors and the kernel's states are kept between the two.
    """

    def __init__(self, kernel: SequenceKernel, layout: Layout) -> None:
        self.kernel = kernel
        self.layout = layout

    def kept_shape(self, scan: Scan) -> tuple[int, ...]:
        """See `Kernel`."""
        return self.kernel.states_shape(self.layout.sizes(_tensors(scan)), scan.x.device)

    def forward(self, scan: Scan, keep: bool) -> tuple[Tensor, Tensor | None]:
        """See `Kernel`."""
        inputs = _tensors(scan)
        y = scan.x.new_empty(scan.x.shape, dtype=compute_dtype(scan.x))
        kept = y.new_empty(self.kept_shape(scan)) if keep else None
        for rows in self._batch_blocks(inputs):
            block = self.layout.block(inputs, rows)
            sequences, states = self.kernel.forward(self.layout.inputs_to_kernel(block), scan.softplus)
            y[rows] = self.layout.output_from_kernel(sequences, block)
            if kept is not None:
                kept[rows] = states
        return y, kept

    def backward(self, grad_y: Tensor, kept: Tensor, scan: Scan) -> Sequence[Tensor]:
        """See `Kernel`."""
        inputs, axes = _tensors(scan), self.layout.batch_axes
        totals = ScanTensors(
            *(
                tensor.new_zeros(tensor.shape, dtype=grad_y.dtype) if axis is None else tensor.new_empty(tensor.shape)
                for tensor, axis in zip(inputs, axes, strict=True)
            )
        )
        for rows in self._batch_blocks(inputs):
            block = self.layout.block(inputs, rows)
            gradients = self.kernel.backward(
                self.layout.output_to_kernel(grad_y[rows], block),
                self.layout.inputs_to_kernel(block),
                scan.softplus,
                kept[rows],
            )
            targets, sources = self.layout.block(totals, rows), self.layout.gradients_from_kernel(gradients, block)
            for target, source, axis in zip(targets, sources, axes, strict=True):
                target.add_(source) if axis is None else target.copy_(source)
        return totals

    def _batch_blocks(self, inputs: ScanTensors) -> Iterator[slice]:
        sizes = self.layout.sizes(inputs)
        size = self.kernel.batch_block(sizes, inputs.u.device)
        return (slice(start, min(start + size, sizes.batch)) for start in range(0, sizes.batch, size))


def multiply_delta(delta: Tensor, delta_weight: Tensor) -> Tensor:
    """Multiply each order's delta (B, H, W, K, R) by its weight (K, D, R): (K, B, H, W, D)."""
    batch, height, width, directions, _ = delta.shape
    product = torch.bmm(delta.flatten(0, 2).transpose(0, 1), delta_weight.to(delta.dtype).transpose(1, 2))
    return product.view(directions, batch, height, width, product.shape[-1])


def _tensors(scan: Scan) -> ScanTensors:
    return ScanTensors(*scan.tensors())
