"""The tensors of the two public scans as groups of sequences (L, B, G, ...), and results back in the scans' shapes.

A map (H, W) is scanned in the orders of VMamba's cross-scan (https://arxiv.org/abs/2401.10166): 0 goes row by row, 1
column by column, 2 is 0 and 3 is 1 backwards. One direction is order 0 alone; for W = 1 that is a plain sequence.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

DIRECTIONS = (1, 4)


class ScanTensors(NamedTuple):
    """The tensors of a scan, or their gradients, in the order of every scan's arguments."""

    u: Tensor
    delta: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor
    delta_bias: Tensor


class ScanSizes(NamedTuple):
    """The sizes of a scan: G groups, each with its own B and C."""

    batch: int
    groups: int
    length: int
    channels: int  # of one group
    states: int


class Layout(ABC):
    """One public scan's way to a kernel and back; `inputs` are always that scan's own, or a block of their batch."""

    batch_axes: ClassVar[tuple[int | None, ...]]  # of each of the scan's tensors

    def block(self, tensors: ScanTensors, rows: slice) -> ScanTensors:
        """Views of some batch entries; what has no batch axis is left whole."""
        return ScanTensors(
            *(
                tensor if axis is None else tensor.narrow(axis, rows.start, rows.stop - rows.start)
                for tensor, axis in zip(tensors, self.batch_axes, strict=True)
            )
        )

    @abstractmethod
    def sizes(self, inputs: ScanTensors) -> ScanSizes:
        """The sizes of the scan that the kernel makes of it."""

    @abstractmethod
    def inputs_to_kernel(self, inputs: ScanTensors) -> ScanTensors:
        """The inputs as the kernel wants them."""

    @abstractmethod
    def output_to_kernel(self, output: Tensor, inputs: ScanTensors) -> Tensor:
        """A gradient of the public output as one of the kernel's."""

    @abstractmethod
    def output_from_kernel(self, y: Tensor, inputs: ScanTensors) -> Tensor:
        """The kernel's y as the public output."""

    @abstractmethod
    def gradients_from_kernel(self, gradients: ScanTensors, inputs: ScanTensors) -> ScanTensors:
        """The kernel's gradients in the shapes of the inputs."""


class SequenceLayout(Layout):
    """u, delta, y (B, G*D, L); A (G*D, N); B, C (B, G, N, L); D, delta_bias (G*D). Nothing is copied."""

    batch_axes = (0, 0, None, 0, 0, None, None)

    def sizes(self, inputs: ScanTensors) -> ScanSizes:
        """See `Layout`."""
        batch, groups, states, length = inputs.B.shape
        return ScanSizes(batch, groups, length, inputs.A.shape[0] // groups, states)

    def inputs_to_kernel(self, inputs: ScanTensors) -> ScanTensors:
        """See `Layout`."""
        sizes = self.sizes(inputs)
        split = (sizes.groups, sizes.channels)
        return ScanTensors(
            self.output_to_kernel(inputs.u, inputs),
            self.output_to_kernel(inputs.delta, inputs),
            inputs.A.unflatten(0, split),
            inputs.B.permute(3, 0, 1, 2),
            inputs.C.permute(3, 0, 1, 2),
            inputs.D.unflatten(0, split),
            inputs.delta_bias.unflatten(0, split),
        )

    def output_to_kernel(self, output: Tensor, inputs: ScanTensors) -> Tensor:
        """See `Layout`."""
        sizes = self.sizes(inputs)
        return output.unflatten(1, (sizes.groups, sizes.channels)).permute(3, 0, 1, 2)

    def output_from_kernel(self, y: Tensor, inputs: ScanTensors) -> Tensor:
        """See `Layout`."""
        return y.flatten(2, 3).permute(1, 2, 0)

    def gradients_from_kernel(self, gradients: ScanTensors, inputs: ScanTensors) -> ScanTensors:
        """See `Layout`."""
        return ScanTensors(
            self.output_from_kernel(gradients.u, inputs),
            self.output_from_kernel(gradients.delta, inputs),
            gradients.A.flatten(0, 1),
            gradients.B.permute(1, 2, 3, 0),
            gradients.C.permute(1, 2, 3, 0),
            gradients.D.flatten(),
            gradients.delta_bias.flatten(),
        )


class MapLayout(Layout):
    """x, y (B, H, W, D); delta (K, B, H, W, D); A (K, D, N); B, C (B, H, W, K, N); D, delta_bias (K, D).

    Each of the K orders is a group of the kernel; y is the sum over them.
    """

    batch_axes = (0, 1, None, 0, 0, None, None)

    def sizes(self, inputs: ScanTensors) -> ScanSizes:
        """See `Layout`."""
        directions, batch, height, width, channels = inputs.delta.shape
        return ScanSizes(batch, directions, height * width, channels, inputs.A.shape[2])

    def inputs_to_kernel(self, inputs: ScanTensors) -> ScanTensors:
        """See `Layout`."""
        return ScanTensors(
            self.output_to_kernel(inputs.u, inputs),
            to_sequences(inputs.delta.unbind()),
            inputs.A,
            to_sequences(inputs.B.unbind(3)),
            to_sequences(inputs.C.unbind(3)),
            inputs.D,
            inputs.delta_bias,
        )

    def output_to_kernel(self, output: Tensor, inputs: ScanTensors) -> Tensor:
        """See `Layout`."""
        return to_sequences([output] * inputs.delta.shape[0])

    def output_from_kernel(self, y: Tensor, inputs: ScanTensors) -> Tensor:
        """See `Layout`."""
        output, *others = to_maps(y, *inputs.u.shape[1:3])
        for other in others:
            output = output + other
        return output

    def gradients_from_kernel(self, gradients: ScanTensors, inputs: ScanTensors) -> ScanTensors:
        """See `Layout`."""
        height, width = inputs.u.shape[1:3]
        return ScanTensors(
            self.output_from_kernel(gradients.u, inputs),
            torch.stack(to_maps(gradients.delta, height, width)),
            gradients.A,
            torch.stack(to_maps(gradients.B, height, width), dim=3),
            torch.stack(to_maps(gradients.C, height, width), dim=3),
            gradients.D,
            gradients.delta_bias,
        )


def to_sequences(maps: Sequence[Tensor]) -> Tensor:
    """Unroll map k of K in order k: K maps (B, H, W, F) to a new tensor (L, B, K, F) with L = H * W."""
    unrolled = [maps[k].permute(2, 1, 0, 3) if k % 2 else maps[k].permute(1, 2, 0, 3) for k in range(len(maps))]
    sequences = [sequence.flatten(0, 1) for sequence in unrolled]
    return torch.stack(sequences[:2] + [sequence.flip(0) for sequence in sequences[2:]], dim=2)


def to_maps(sequences: Tensor, height: int, width: int) -> list[Tensor]:
    """Put the K sequences (L, B, K, F) back to their positions: K maps (B, H, W, F), the inverse of `to_sequences`."""
    forwards = list(sequences[:, :, :2].unbind(2)) + [sequence.flip(0) for sequence in sequences[:, :, 2:].unbind(2)]
    return [
        sequence.unflatten(0, (width, height)).permute(2, 1, 0, 3)
        if k % 2
        else sequence.unflatten(0, (height, width)).permute(2, 0, 1, 3)
        for k, sequence in enumerate(forwards)
    ]


def uniform_positions(tensor: Tensor) -> Tensor:
    """The tensor (B, H, W, ...) if one stride leads from each position to the next and its last axis is dense."""
    uniform = math.prod(tensor.shape[:3]) <= 1 or all(
        tensor.shape[axis] == 1 or tensor.stride(axis) == math.prod(tensor.shape[axis + 1 : 3]) * stride
        for stride in (position_stride(tensor),)
        for axis in range(3)
    )
    dense = tensor.shape[-1] <= 1 or tensor.stride(-1) == 1
    return tensor if uniform and dense else tensor.contiguous()


def position_stride(tensor: Tensor) -> int:
    """The stride from one position of (B, H, W, ...) to the next: that of the innermost axis with several."""
    return next((tensor.stride(axis) for axis in (2, 1, 0) if tensor.shape[axis] != 1), 0)
