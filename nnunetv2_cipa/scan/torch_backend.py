"""The selective scan in plain PyTorch: exact, for any device, in bounded memory.

A sequence is cut in segments, and only the state that enters each segment is kept between forward and backward. Within
a segment exp(delta * A) and delta * B * u are formed for all positions at once, then one fused multiply-add a position
turns them into states. Where one position's states are too few to keep the device busy, the segment is cut further in
chunks which are scanned side by side from zero; then the true entry states run through the chunks and are added,
times the product of the decays since. Decays only ever multiply, so nothing overflows or divides by an underflow.

The backward recomputes a segment's states and runs the same scan the other way over m_t = exp(delta_t * A) *
(C_t * grad_y_t + m_(t+1)), the gradient of the state that enters position t.
"""

import torch
from torch import Tensor

from nnunetv2_cipa.scan.kernel import ScanTensors, SequenceKernel
from nnunetv2_cipa.scan.segments import SegmentedScan, plan_segments
from nnunetv2_cipa.scan.sequence_backend import SequenceBackend


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


class TorchKernel(SequenceKernel):
    """Forward and backward in plain PyTorch; `states` (segments, B, G, N, D) are those that enter each segment."""

    def states_shape(self, inputs: ScanTensors) -> tuple[int, ...]:
        """See `SequenceKernel`."""
        batch, groups, length, channels = inputs.u.shape
        steps = plan_segments(inputs).steps
        return (length + steps - 1) // steps, batch, groups, inputs.A.shape[2], channels

    def forward(self, inputs: ScanTensors, delta_softplus: bool) -> tuple[Tensor, Tensor]:
        """See `SequenceKernel`."""
        scan = SegmentedScan(inputs, delta_softplus)
        y = scan.new_like(inputs.u)
        states = y.new_empty(self.states_shape(inputs))
        for rows in scan.row_blocks():
            carry = torch.zeros_like(states[0, rows])
            for index, part in enumerate(scan.segments()):
                states[index, rows] = carry
                segment = scan.load(rows, part)
                _, h = scan.states(segment, states[index, rows])
                carry = h.whole[-1, -1]
                outputs = _over_states(segment.C, h.whole[1:]).addcmul_(scan.D, segment.u)
                scan.store(y, rows, part, outputs)
        return y, states

    def backward(self, grad_y: Tensor, inputs: ScanTensors, delta_softplus: bool, states: Tensor) -> ScanTensors:
        """See `SequenceKernel`."""
        scan = SegmentedScan(inputs, delta_softplus)
        du, ddelta, dB, dC = (scan.new_like(tensor) for tensor in (inputs.u, inputs.delta, inputs.B, inputs.C))
        dA, dD = torch.zeros_like(scan.A), torch.zeros_like(scan.D)
        for rows in scan.row_blocks():
            carry = torch.zeros_like(states[0, rows])
            for index, part in reversed(list(enumerate(scan.segments()))):
                u, delta, B, C = segment = scan.load(rows, part)
                g = scan.split(grad_y[rows, :, part])
                decay, h = scan.states(segment, states[index, rows])
                m = scan.buffer("m", h.whole.shape)
                torch.mul(C.unsqueeze(-1), g.unsqueeze(-2), out=m.whole[:-1]).mul_(decay.whole)
                scan.linear_scan(decay, m, carry, reverse=True)
                carry = m.each[0][0].clone()

                before, after, m_before, m_after = h.whole[:-1], h.whole[1:], m.whole[:-1], m.whole[1:]
                drive = delta * u
                ddrive = _over_states(B, m_after).addcmul_(g, (B * C).sum(-1, keepdim=True))
                scan.store(du, rows, part, (ddrive * delta).addcmul_(g, scan.D))
                scan.store(
                    dB, rows, part, _over_channels(drive, m_after).addcmul_(C, (g * drive).sum(-1, keepdim=True))
                )
                scan.store(dC, rows, part, _over_channels(g, after))
                dexponent = m_before.mul_(before)
                dstep = torch.mul(dexponent, scan.A, out=after).sum(-2).addcmul_(ddrive, u)
                scan.store(ddelta, rows, part, dstep * -torch.expm1(-delta) if delta_softplus else dstep)
                dA += dexponent.mul_(delta.unsqueeze(-2)).sum((0, 1, 2))
                dD += (g * u).sum((0, 1, 2))
        return ScanTensors(du, ddelta, dA.transpose(1, 2), dB, dC, dD, ddelta.sum((0, 2)))


def _over_states(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over N of weights (..., N) times states (..., N, D): (..., D)."""
    return torch.matmul(weights.unsqueeze(-2), states).squeeze(-2)


def _over_channels(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over D of weights (..., D) times states (..., N, D): (..., N)."""
    return torch.matmul(weights.unsqueeze(-2), states.mT).squeeze(-2)
