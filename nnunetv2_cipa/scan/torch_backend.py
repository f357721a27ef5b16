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
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.scan.sequence_backend import SequenceBackend, SequenceKernel, compute_dtype


class TorchBackend(SequenceBackend):
    """The selective scan in plain PyTorch, for every device and dtype."""

    name = "torch"

    def __init__(self) -> None:
        super().__init__(TorchKernel())

    def unavailable_reason(self) -> str | None:
        """Always available."""
        return None

    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Any device and dtype."""
        return True


class _Plan(NamedTuple):
    """How a scan is cut: batch entries done at once, positions in a segment, chunks of a segment side by side."""

    rows: int
    steps: int
    chunks: int

    @classmethod
    def make(cls, device: torch.device, batch: int, length: int, width: int) -> "_Plan":
        """Plan a scan with `width` = G * N * D states a position; measured on CPU, by launch costs elsewhere."""
        segment, busy = (CPU_SEGMENT, CPU_BUSY) if device.type == "cpu" else (GPU_SEGMENT, GPU_BUSY)
        rows = max(1, min(batch, max(-(-busy // width), segment // (width * length))))
        steps = min(length, max(MINIMUM_STEPS, segment // (width * rows)))
        return cls(rows, steps, max(1, min(busy // (width * rows), math.isqrt(int(steps)))))


CPU_SEGMENT, CPU_BUSY = 2**19, 2**12  # states in a segment; states scanned at once that keep the device busy
GPU_SEGMENT, GPU_BUSY = 2**23, 2**20
MINIMUM_STEPS = 16  # so that the kept states stay small beside the inputs


class _Segment(NamedTuple):
    """A segment's inputs, each (T, chunks, rows, G, D or N) in the compute dtype; T positions a chunk."""

    u: Tensor
    delta: Tensor
    B: Tensor
    C: Tensor


class TorchKernel(SequenceKernel):
    """Forward and backward in plain PyTorch; `states` (segments, B, G, N, D) are those that enter each segment."""

    def states_shape(
        self, device: torch.device, batch: int, groups: int, length: int, channels: int, state_size: int
    ) -> tuple[int, ...]:
        """See `SequenceKernel.states_shape`."""
        steps = _Plan.make(device, batch, length, groups * state_size * channels).steps
        return -(-length // steps), batch, groups, state_size, channels

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
        """See `SequenceKernel.forward`."""
        scan = _Scan(u, delta, A, B, C, D, delta_bias, delta_softplus)
        y = torch.empty_like(u, dtype=scan.dtype)
        batch, groups, length, channels = u.shape
        states = y.new_empty(self.states_shape(u.device, batch, groups, length, channels, A.shape[-1]))
        for rows in scan.row_blocks():
            carry = torch.zeros_like(states[0, rows])
            for index, part in enumerate(scan.segments()):
                states[index, rows] = carry
                segment, _ = scan.load(rows, part)
                _, h = scan.run(segment, states[index, rows])
                carry = h[-1, -1]
                y_segment = torch.matmul(segment.C.unsqueeze(-2), h[1:]).squeeze(-2).addcmul_(scan.D, segment.u)
                scan.store(y, rows, part, y_segment)
        return y, states

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
        """See `SequenceKernel.backward`."""
        scan = _Scan(u, delta, A, B, C, D, delta_bias, delta_softplus)
        du, ddelta, dB, dC = (torch.empty_like(tensor, dtype=scan.dtype) for tensor in (u, delta, B, C))
        dA, dD, ddelta_bias = (torch.zeros_like(tensor) for tensor in (scan.A, scan.D, scan.delta_bias))
        for rows in scan.row_blocks():
            carry = torch.zeros_like(states[0, rows])
            for index, part in reversed(list(enumerate(scan.segments()))):
                segment, slope = scan.load(rows, part)
                g = scan.split(grad_y[rows, :, part].to(scan.dtype))
                decay, h = scan.run(segment, states[index, rows])
                m = scan.buffer("m", (len(decay) + 1, *decay.shape[1:]))
                torch.mul(segment.C.unsqueeze(-1), g.unsqueeze(-2), out=m[:-1]).mul_(decay)
                _linear_scan(decay, m, carry, reverse=True)
                carry = m[0, 0].clone()

                u_, delta_, B_, C_ = segment
                through = m[1:]
                drive = delta_ * u_
                scan.store(dC, rows, part, _dot(g, h[1:]))
                scan.store(dB, rows, part, _dot(drive, through).addcmul_(C_, (g * drive).sum(-1, keepdim=True)))
                ddrive = torch.matmul(B_.unsqueeze(-2), through).squeeze(-2)
                ddrive.addcmul_(g, (B_ * C_).sum(-1, keepdim=True))
                scan.store(du, rows, part, (ddrive * delta_).addcmul_(g, scan.D))
                through_decay = m[:-1].mul_(h[:-1])
                ddelta_ = torch.mul(through_decay, scan.A, out=h[1:]).sum(-2).addcmul_(ddrive, u_)
                dA += through_decay.mul_(delta_.unsqueeze(-2)).sum((0, 1, 2))
                dD += (g * u_).sum((0, 1, 2))
                scan.store(ddelta, rows, part, ddelta_)
                if slope is not None:
                    ddelta[rows, :, part] *= slope
                ddelta_bias += ddelta[rows, :, part].sum((0, 2))
        return du, ddelta, dA.transpose(1, 2), dB, dC, dD, ddelta_bias


class _Scan:
    """A scan's inputs, its plan, and the memory that its segments use one after the other."""

    def __init__(
        self,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        delta_softplus: bool,
    ) -> None:
        self.dtype = compute_dtype(u)
        self.inputs = (u, delta, B, C)
        self.A = A.to(self.dtype).transpose(1, 2).contiguous()  # (G, N, D)
        self.D = D.to(self.dtype)
        self.delta_bias = delta_bias.to(self.dtype)
        self.delta_softplus = delta_softplus
        self.batch, _, self.length, _ = u.shape
        self.plan = _Plan.make(u.device, self.batch, self.length, A.numel())
        self._buffers: dict[str, Tensor] = {}

    def row_blocks(self) -> Iterator[slice]:
        for start in range(0, self.batch, self.plan.rows):
            yield slice(start, min(start + self.plan.rows, self.batch))

    def segments(self) -> Iterator[slice]:
        for start in range(0, self.length, self.plan.steps):
            yield slice(start, min(start + self.plan.steps, self.length))

    def load(self, rows: slice, part: slice) -> tuple[_Segment, Tensor | None]:
        u, delta, B, C = (tensor[rows, :, part].to(self.dtype) for tensor in self.inputs)
        delta = delta + self.delta_bias.unsqueeze(1)
        slope = None
        if self.delta_softplus:
            slope = torch.sigmoid(delta)
            delta = F.softplus(delta)
        return _Segment(self.split(u), self.split(delta), self.split(B), self.split(C)), slope

    def split(self, sequences: Tensor) -> Tensor:
        """(rows, G, steps, F) to (T, chunks, rows, G, F); what is missing to full chunks is filled with zeros."""
        chunks = self.plan.chunks
        if missing := -sequences.shape[2] % chunks:
            sequences = F.pad(sequences, (0, 0, 0, missing))
        per_chunk = sequences.shape[2] // chunks
        return sequences.unflatten(2, (chunks, per_chunk)).permute(3, 2, 0, 1, 4).contiguous()

    def store(self, target: Tensor, rows: slice, part: slice, values: Tensor) -> None:
        sequences = values.permute(2, 3, 1, 0, 4).flatten(2, 3)
        target[rows, :, part] = sequences[:, :, : part.stop - part.start]

    def run(self, segment: _Segment, carry: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decays (T, chunks, rows, G, N, D) and the states (T + 1, ...): before and after each position."""
        shape = (*segment.u.shape[:-1], segment.B.shape[-1], segment.u.shape[-1])
        decay = self.buffer("decay", shape)
        torch.mul(segment.delta.unsqueeze(-2), self.A, out=decay).exp_()
        h = self.buffer("h", (shape[0] + 1, *shape[1:]))
        torch.mul(segment.B.unsqueeze(-1), (segment.delta * segment.u).unsqueeze(-2), out=h[1:])
        _linear_scan(decay, h, carry, reverse=False)
        return decay, h

    def buffer(self, name: str, shape: tuple[int, ...]) -> Tensor:
        size = math.prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = self.A.new_empty(size)
        return self._buffers[name][:size].view(shape)


def _linear_scan(decay: Tensor, slots: Tensor, carry: Tensor, *, reverse: bool) -> None:
    """Turn the drives in `slots` into states, in place: state_t = decay_t * state_(t-1) + drive_t.

    Args:
        decay: (T, chunks, ...).
        slots: (T + 1, chunks, ...), the first slot for what enters each chunk, the others holding the drives. With
            `reverse` positions and chunks are walked from the last to the first, and it is the last slot.
        carry: (...), the state that enters the first chunk.
        reverse: walk backwards.
    """
    order = -1 if reverse else 1
    decays, states = decay.unbind()[::order], slots.unbind()[::order]
    entries = states[0].unbind()[::order]
    if len(entries) == 1:
        entries[0].copy_(carry)
        for factor, previous, current in zip(decays, states, states[1:]):
            current.addcmul_(factor, previous)
        return
    products = torch.empty_like(decay)
    since_entry = products.unbind()[::order]
    since_entry[0].copy_(decays[0])
    for t in range(1, len(decays)):
        states[t + 1].addcmul_(decays[t], states[t])
        torch.mul(decays[t], since_entry[t - 1], out=since_entry[t])
    entries[0].copy_(carry)
    exits, factors = states[-1].unbind()[::order], since_entry[-1].unbind()[::order]
    for chunk in range(1, len(entries)):
        torch.addcmul(exits[chunk - 1], factors[chunk - 1], entries[chunk - 1], out=entries[chunk])
    (slots[:-1] if reverse else slots[1:]).addcmul_(products, states[0])


def _dot(channels: Tensor, states: Tensor) -> Tensor:
    """Sum over D of (..., D) times (..., N, D): (..., N)."""
    return torch.matmul(channels.unsqueeze(-2), states.mT).squeeze(-2)
