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

from nnunetv2_cipa.scan.kernel import ScanSizes, ScanTensors, SequenceKernel
from nnunetv2_cipa.scan.segments import SegmentedScan, count_segments, make_plan, positions_of
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


def _over_states(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over N of weights (..., N) times states (..., N, D): (..., D)."""
    return torch.matmul(weights.unsqueeze(-2), states).squeeze(-2)


def _over_channels(weights: Tensor, states: Tensor) -> Tensor:
    """Sum over D of weights (..., D) times states (..., N, D): (..., N)."""
    return torch.matmul(weights.unsqueeze(-2), states.mT).squeeze(-2)
