"""How the torch backend cuts a scan in pieces that fit a cache or keep a GPU busy, and the scan within a piece."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.scan.kernel import ScanTensors, compute_dtype

# States (one float each) in a segment, and states in one operation that keep the device busy: by measurement on CPUs,
# by the cost of a kernel launch against that of its memory traffic elsewhere.
CPU_SEGMENT, CPU_BUSY = 2**19, 2**12
GPU_SEGMENT, GPU_BUSY = 2**23, 2**20
MINIMUM_STEPS = 16  # so that the kept states stay small beside the inputs


class Plan(NamedTuple):
    """Batch entries scanned at once, positions in a segment, chunks of a segment scanned side by side."""

    rows: int
    steps: int
    chunks: int


def plan_segments(inputs: ScanTensors) -> Plan:
    """Plan the scan of `inputs` in a `SequenceKernel`'s layout."""
    batch, _, length, _ = inputs.u.shape
    width = inputs.A.shape[0] * inputs.A.shape[1] * inputs.A.shape[2]
    segment, busy = (CPU_SEGMENT, CPU_BUSY) if inputs.u.device.type == "cpu" else (GPU_SEGMENT, GPU_BUSY)
    rows = max(1, min(batch, max(busy // width, segment // (width * length))))
    steps = min(length, max(MINIMUM_STEPS, segment // (width * rows)))
    return Plan(rows, steps, max(1, min(busy // (width * rows), math.isqrt(steps))))


class Segment(NamedTuple):
    """A segment's inputs, (T, chunks, rows, G, D or N) in the compute dtype; T positions a chunk.

    `delta` has its bias and softplus. Positions that fill the last chunk up are zero in all of them, so that they
    leave every state as it is.
    """

    u: Tensor
    delta: Tensor
    B: Tensor
    C: Tensor


class Steps(NamedTuple):
    """A tensor with a first axis for time, and its views at each time."""

    whole: Tensor
    each: tuple[Tensor, ...]


class SegmentedScan:
    """A scan's inputs in the layout of a `SequenceKernel`, cut in pieces that use the same memory one after another."""

    def __init__(self, inputs: ScanTensors, delta_softplus: bool) -> None:
        self.dtype = compute_dtype(inputs.u)
        self.inputs = inputs
        self.A = inputs.A.to(self.dtype).transpose(1, 2).contiguous()  # (G, N, D)
        self.D = inputs.D.to(self.dtype)
        self.delta_bias = inputs.delta_bias.to(self.dtype)
        self.delta_softplus = delta_softplus
        self.plan = plan_segments(inputs)
        self._memory: dict[str, Tensor] = {}
        self._views: dict[tuple[str, tuple[int, ...]], Steps] = {}

    def row_blocks(self) -> Iterator[slice]:
        """Slices of the batch."""
        return _slices(self.inputs.u.shape[0], self.plan.rows)

    def segments(self) -> Iterator[slice]:
        """Slices of the positions."""
        return _slices(self.inputs.u.shape[2], self.plan.steps)

    def new_like(self, tensor: Tensor) -> Tensor:
        """An uninitialised contiguous tensor of the same shape in the compute dtype."""
        return torch.empty(tensor.shape, dtype=self.dtype, device=tensor.device)

    def buffer(self, name: str, shape: tuple[int, ...]) -> Steps:
        """Memory of that name, uninitialised; the next segment gets the same."""
        if (name, shape) not in self._views:
            size = math.prod(shape)
            memory = self._memory.get(name)
            if memory is None or memory.numel() < size:
                memory = self._memory[name] = self.A.new_empty(size)
            whole = memory[:size].view(shape)
            self._views[name, shape] = Steps(whole, whole.unbind())
        return self._views[name, shape]

    def load(self, rows: slice, part: slice) -> Segment:
        """Read one segment's inputs."""
        u, delta, B, C = (
            tensor[rows, :, part] for tensor in (self.inputs.u, self.inputs.delta, self.inputs.B, self.inputs.C)
        )
        delta = delta.to(self.dtype) + self.delta_bias.unsqueeze(1)
        delta = F.softplus(delta) if self.delta_softplus else delta
        return Segment(*(self.split(tensor) for tensor in (u, delta, B, C)))

    def split(self, sequences: Tensor) -> Tensor:
        """Bring (rows, G, steps, F) to (T, chunks, rows, G, F), contiguous and in the compute dtype."""
        missing = -sequences.shape[2] % self.plan.chunks
        if missing:
            sequences = F.pad(sequences, (0, 0, 0, missing))
        split = (self.plan.chunks, sequences.shape[2] // self.plan.chunks)
        return sequences.unflatten(2, split).permute(3, 2, 0, 1, 4).to(self.dtype).contiguous()

    def store(self, target: Tensor, rows: slice, part: slice, values: Tensor) -> None:
        """Write a segment's values (T, chunks, rows, G, F) to their place in `target` (B, G, L, F)."""
        target[rows, :, part] = values.permute(2, 3, 1, 0, 4).flatten(2, 3)[:, :, : part.stop - part.start]

    def states(self, segment: Segment, carry: Tensor) -> tuple[Steps, Steps]:
        """Scan a segment from the state `carry` (rows, G, N, D).

        Returns:
            The decays (T, chunks, rows, G, N, D) and the states before and after each position (T + 1, chunks, ...).
        """
        shape = (*segment.u.shape[:-1], *self.A.shape[1:])
        decay = self.buffer("decay", shape)
        torch.mul(segment.delta.unsqueeze(-2), self.A, out=decay.whole).exp_()
        h = self.buffer("h", (shape[0] + 1, *shape[1:]))
        torch.mul(segment.B.unsqueeze(-1), (segment.delta * segment.u).unsqueeze(-2), out=h.whole[1:])
        self.linear_scan(decay, h, carry, reverse=False)
        return decay, h

    def linear_scan(self, decay: Steps, states: Steps, carry: Tensor, *, reverse: bool) -> None:
        """Turn drives into states in place: state_t = decay_t * state_(t-1) + drive_t.

        Args:
            decay: (T, chunks, ...).
            states: (T + 1, chunks, ...): first the state that enters each chunk, then the drives.
            carry: (...), the state that enters the first chunk.
            reverse: walk from the last position of the last chunk to the first; the last of `states` is the entry then.
        """
        order = -1 if reverse else 1
        decays, walked = decay.each[::order], states.each[::order]
        entries = walked[0].unbind()[::order]
        entries[0].copy_(carry)
        if len(entries) == 1:
            for factor, previous, current in zip(decays, walked[:-1], walked[1:], strict=True):
                current.addcmul_(factor, previous)
            return
        products = self.buffer("products", decay.whole.shape)  # of the decays since the chunk's entry
        since = products.each[::order]
        since[0].copy_(decays[0])
        for t in range(1, len(decays)):
            walked[t + 1].addcmul_(decays[t], walked[t])
            torch.mul(decays[t], since[t - 1], out=since[t])
        exits, factors = walked[-1].unbind()[::order], since[-1].unbind()[::order]
        for chunk in range(1, len(entries)):
            torch.addcmul(exits[chunk - 1], factors[chunk - 1], entries[chunk - 1], out=entries[chunk])
        (states.whole[:-1] if reverse else states.whole[1:]).addcmul_(products.whole, walked[0])


def _slices(total: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, total)) for start in range(0, total, size))
