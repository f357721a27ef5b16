"""The selective scan in plain PyTorch: exact, for any device, in bounded memory.

A sequence is cut in segments, and only the state that enters each segment is kept between forward and backward. Within
a segment exp(delta * A) and delta * B * u are formed for all positions at once, then one fused multiply-add a position
turns them into states. Where one position's states are too few to keep the device busy, the segment is cut further in
chunks which are scanned side by side from zero; then the true entry states run through the chunks and are added,
times the product of the decays since. Decays only ever multiply, so nothing overflows or divides by an underflow.

The backward recomputes a segment's states and runs the same scan the other way over m_t = exp(delta_t * A) *
(C_t * grad_y_t + m_(t+1)), the gradient of the state that enters position t.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.scan.layouts import ScanSizes, ScanTensors
from nnunetv2_cipa.scan.operators import compute_dtype
from nnunetv2_cipa.scan.sequence_backend import SequenceBackend, SequenceKernel

# States (one float each) in a segment, and states in one operation that keep the device busy: by measurement on CPUs,
# by the cost of a kernel launch against that of its memory traffic elsewhere.
CPU_SEGMENT, CPU_BUSY = 2**20, 2**12
GPU_SEGMENT, GPU_BUSY = 2**23, 2**20
MINIMUM_STEPS = 16  # so that the kept states stay small beside the inputs


class TorchKernel(SequenceKernel):
    """Forward and backward in plain PyTorch; `states` (B, segments, G, N, D) are those that enter each segment."""

    def batch_block(self, sizes: ScanSizes, device: torch.device) -> int:
        """See `SequenceKernel`."""
        return make_plan(sizes, device).rows

    def states_shape(self, sizes: ScanSizes, device: torch.device) -> tuple[int, ...]:
        """See `SequenceKernel`."""
        segments = count_segments(sizes.length, make_plan(sizes, device))
        return sizes.batch, segments, sizes.groups, sizes.states, sizes.channels

    def forward(self, inputs: ScanTensors, delta_softplus: bool) -> tuple[Tensor, Tensor]:
        """See `SequenceKernel`."""
        scan = SegmentedScan(inputs, delta_softplus)
        y = torch.empty_like(scan.u)
        carry = scan.A.new_zeros(y.shape[1], *scan.A.shape)
        entries = []
        for segment in scan.segments:
            entries.append(carry)
            _, h = scan.states(segment, carry)
            positions_of(y, segment).copy_(_over_states(positions_of(scan.C, segment), h.whole[1:]))
            carry = h.whole[-1, -1].clone()
        return y.addcmul_(scan.u, scan.D), torch.stack(entries, dim=1)

    def backward(self, grad_y: Tensor, inputs: ScanTensors, delta_softplus: bool, states: Tensor) -> ScanTensors:
        """See `SequenceKernel`."""
        scan = SegmentedScan(inputs, delta_softplus)
        grad_y = grad_y.contiguous()
        ddrive, ddelta, dB, dC = (torch.empty_like(tensor) for tensor in (scan.u, scan.u, scan.B, scan.C))
        dA = torch.zeros_like(scan.A)
        carry = torch.zeros_like(states[:, 0])
        for index, segment in reversed(list(enumerate(scan.segments))):
            B, C, delta, drive, g = (
                positions_of(tensor, segment) for tensor in (scan.B, scan.C, scan.delta, scan.drive, grad_y)
            )
            decay, h = scan.states(segment, states[:, index])
            m = scan.buffer("m", h.whole.shape)
            torch.mul(C.unsqueeze(-1), g.unsqueeze(-2), out=m.whole[:-1]).mul_(decay.whole)
            scan.linear_scan(decay, m, carry, reverse=True)
            carry = m.whole[0, 0].clone()

            positions_of(dC, segment).copy_(_over_channels(g, h.whole[1:]))
            positions_of(dB, segment).copy_(_over_channels(drive, m.whole[1:]))
            positions_of(ddrive, segment).copy_(_over_states(B, m.whole[1:]))
            dexponent = m.whole[:-1].mul_(h.whole[:-1])
            positions_of(ddelta, segment).copy_(torch.mul(dexponent, scan.A, out=decay.whole).sum(-2))
            dA += dexponent.mul_(delta.unsqueeze(-2)).sum((0, 1, 2))
        # What m lacks of the gradient of the states is C * grad_y, the same for all positions.
        ddrive.addcmul_(grad_y, (scan.B * scan.C).sum(-1, keepdim=True))
        dB.addcmul_(scan.C, (grad_y * scan.drive).sum(-1, keepdim=True))
        ddelta.addcmul_(ddrive, scan.u)
        if delta_softplus:
            ddelta.mul_(-torch.expm1(-scan.delta))
        dD = (grad_y * scan.u).sum((0, 1))
        du = ddrive.mul_(scan.delta).addcmul_(grad_y, scan.D)
        return ScanTensors(du, ddelta, dA.transpose(1, 2), dB, dC, dD, ddelta.sum((0, 1)))


class TorchBackend(SequenceBackend):
    """The selective scan in plain PyTorch, for every device and dtype."""

    name = "torch"
    kernel = TorchKernel()

    def unavailable_reason(self) -> str | None:
        """Always available."""
        return None

    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Any device and dtype."""
        return True


class Plan(NamedTuple):
    """Batch entries scanned at once, chunks of a segment that are scanned side by side, positions in a chunk."""

    rows: int
    chunks: int
    steps: int


class Segment(NamedTuple):
    """Positions `start` to `start + chunks * steps` of a sequence."""

    start: int
    chunks: int
    steps: int


class Steps(NamedTuple):
    """A tensor with a first axis for time, and its views at each time."""

    whole: Tensor
    each: tuple[Tensor, ...]


def make_plan(sizes: ScanSizes, device: torch.device) -> Plan:
    """Plan a scan for a device.

    The rows divide the batch: a rest of fewer rows would be cut into other segments than those before it.
    """
    width = sizes.groups * sizes.channels * sizes.states
    segment, busy = (CPU_SEGMENT, CPU_BUSY) if device.type == "cpu" else (GPU_SEGMENT, GPU_BUSY)
    most = max(1, min(sizes.batch, max(busy // width, segment // (width * sizes.length))))
    rows = next(number for number in range(most, 0, -1) if sizes.batch % number == 0)
    positions = min(sizes.length, max(MINIMUM_STEPS, segment // (width * rows)))
    chunks = max(1, min(busy // (width * rows), math.isqrt(positions)))
    return Plan(rows, chunks, positions // chunks)


def count_segments(length: int, plan: Plan) -> int:
    """How many segments `cut_segments` makes."""
    full, rest = length // (plan.chunks * plan.steps), length % (plan.chunks * plan.steps)
    return full + (1 if rest >= plan.steps else 0) + (1 if rest % plan.steps else 0)


def cut_segments(length: int, plan: Plan) -> list[Segment]:
    """Cut a sequence: as many full segments as there are, one of the full chunks that remain, one of what remains."""
    segments, start = [], 0
    while start < length:
        steps = min(plan.steps, length - start)
        chunks = min(plan.chunks, (length - start) // steps)
        segments.append(Segment(start, chunks, steps))
        start += chunks * steps
    return segments


def positions_of(sequences: Tensor, segment: Segment) -> Tensor:
    """A view of the segment's positions of sequences (L, ...): (steps, chunks, ...)."""
    start, chunks, steps = segment
    return sequences[start : start + chunks * steps].unflatten(0, (chunks, steps)).transpose(0, 1)


class SegmentedScan:
    """A scan in the layout of a `SequenceKernel`, whose segments use the same memory one after another.

    `delta` has its bias and softplus; `drive` is delta * u.
    """

    def __init__(self, inputs: ScanTensors, delta_softplus: bool) -> None:
        dtype = compute_dtype(inputs.u)
        self.u, self.B, self.C = (tensor.to(dtype).contiguous() for tensor in (inputs.u, inputs.B, inputs.C))
        self.A = inputs.A.to(dtype).transpose(1, 2).contiguous()  # (G, N, D)
        self.D = inputs.D.to(dtype)
        delta = inputs.delta.to(dtype) + inputs.delta_bias.to(dtype)
        self.delta = (F.softplus(delta) if delta_softplus else delta).contiguous()
        self.drive = self.delta * self.u
        length, batch, groups, channels = self.u.shape
        sizes = ScanSizes(batch, groups, length, channels, self.A.shape[1])
        self.segments = cut_segments(length, make_plan(sizes, self.u.device))
        self._memory: dict[str, Tensor] = {}
        self._views: dict[tuple[str, tuple[int, ...]], Steps] = {}

    def states(self, segment: Segment, entry: Tensor) -> tuple[Steps, Steps]:
        """Scan a segment from the state `entry` (B, G, N, D).

        Returns:
            The decays (steps, chunks, B, G, N, D) and the states before and after each step (steps + 1, chunks, ...).
        """
        shape = (segment.steps, segment.chunks, *entry.shape)
        decay = self.buffer("decay", shape)
        torch.mul(positions_of(self.delta, segment).unsqueeze(-2), self.A, out=decay.whole).exp_()
        h = self.buffer("h", (shape[0] + 1, *shape[1:]))
        B, drive = positions_of(self.B, segment), positions_of(self.drive, segment)
        torch.mul(B.unsqueeze(-1), drive.unsqueeze(-2), out=h.whole[1:])
        self.linear_scan(decay, h, entry, reverse=False)
        return decay, h

    def linear_scan(self, decay: Steps, states: Steps, entry: Tensor, *, reverse: bool) -> None:
        """Turn drives into states in place: state_t = decay_t * state_(t-1) + drive_t.

        Args:
            decay: (steps, chunks, ...).
            states: (steps + 1, chunks, ...): room for the state that enters each chunk, then the drives.
            entry: (...), the state that enters the first chunk.
            reverse: walk from the last position of the last chunk to the first, `states` from its end.
        """
        order = -1 if reverse else 1
        decays, walked = decay.each[::order], states.each[::order]
        entries = walked[0].unbind()[::order]
        entries[0].copy_(entry)
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

    def buffer(self, name: str, shape: tuple[int, ...]) -> Steps:
        """Memory of that name, uninitialised; the next segment gets the same."""
        if (name, shape) not in self._views:
            size = math.prod(shape)
            if name not in self._memory or self._memory[name].numel() < size:
                self._memory[name] = self.A.new_empty(size)
            whole = self._memory[name][:size].view(shape)
            self._views[name, shape] = Steps(whole, whole.unbind())
        return self._views[name, shape]


def _over_states(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over N of weights (..., N) times states (..., N, D): (..., D)."""
    return torch.matmul(weights.unsqueeze(-2), states).squeeze(-2)


def _over_channels(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over D of weights (..., D) times states (..., N, D): (..., N)."""
    return torch.matmul(weights.unsqueeze(-2), states.mT).squeeze(-2)
