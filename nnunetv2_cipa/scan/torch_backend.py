"""The selective scan in plain PyTorch: exact, for any device, in bounded memory."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.scan.sequence_backend import SequenceBackend, SequenceKernel, compute_dtype

SEGMENT = 32


class TorchKernel(SequenceKernel):
    def states_shape(self, batch: int, groups: int, length: int, channels: int, state_size: int) -> tuple[int, ...]:
        return ((length + SEGMENT - 1) // SEGMENT, batch, groups, state_size, channels)

    def forward(self, u, delta, A, B, C, D, delta_bias, delta_softplus):
        dtype = compute_dtype(u)
        A, D, delta_bias = A.to(dtype).transpose(1, 2).contiguous(), D.to(dtype), delta_bias.to(dtype)
        y = torch.empty(u.shape, dtype=dtype, device=u.device)
        b, g, L, d = u.shape
        states = y.new_empty(self.states_shape(b, g, L, d, A.shape[1]))
        state = y.new_zeros(states.shape[1:])
        for i, start in enumerate(range(0, L, SEGMENT)):
            states[i] = state
            us, ds, Bs, Cs = (x[:, :, start : start + SEGMENT].permute(2, 0, 1, 3).to(dtype).contiguous() for x in (u, delta, B, C))
            ds = ds + delta_bias
            if delta_softplus:
                ds = F.softplus(ds)
            decay = (ds.unsqueeze(-2) * A).exp_()
            h = Bs.unsqueeze(-1) * (ds * us).unsqueeze(-2)
            for t in range(len(h)):
                state = h[t].addcmul_(decay[t], state)
            y[:, :, start : start + SEGMENT] = ((h * Cs.unsqueeze(-1)).sum(-2) + D * us).permute(1, 2, 0, 3)
        return y, states

    def backward(self, grad_y, u, delta, A, B, C, D, delta_bias, delta_softplus, states):
        dtype = compute_dtype(u)
        A, D, delta_bias = A.to(dtype).transpose(1, 2).contiguous(), D.to(dtype), delta_bias.to(dtype)
        du, ddelta, dB, dC = (torch.empty(x.shape, dtype=dtype, device=u.device) for x in (u, delta, B, C))
        dA, dD, dbias = torch.zeros_like(A), torch.zeros_like(D), torch.zeros_like(delta_bias)
        adjoint = torch.zeros_like(states[0])
        L = u.shape[2]
        for i in reversed(range(len(states))):
            part = slice(i * SEGMENT, min(L, (i + 1) * SEGMENT))
            gs, us, ds, Bs, Cs = (x[:, :, part].permute(2, 0, 1, 3).to(dtype).contiguous() for x in (grad_y, u, delta, B, C))
            raw = ds + delta_bias
            ds = F.softplus(raw) if delta_softplus else raw
            decay = (ds.unsqueeze(-2) * A).exp_()
            h = Bs.unsqueeze(-1) * (ds * us).unsqueeze(-2)
            state = states[i]
            for t in range(len(h)):
                state = h[t].addcmul_(decay[t], state)
            lam = Cs.unsqueeze(-1) * gs.unsqueeze(-2)
            dC[:, :, part] = (h * gs.unsqueeze(-2)).sum(-1).permute(1, 2, 0, 3)
            for t in reversed(range(len(h))):
                adjoint = lam[t].add_(adjoint).mul(decay[t])
            dB[:, :, part] = (lam * (ds * us).unsqueeze(-2)).sum(-1).permute(1, 2, 0, 3)
            q = (lam * Bs.unsqueeze(-1)).sum(-2)
            w = lam * decay
            w[1:] *= h[:-1]
            w[0] *= states[i]
            du[:, :, part] = (D * gs + ds * q).permute(1, 2, 0, 3)
            dd = us * q + (w * A).sum(-2)
            dA += (w * ds.unsqueeze(-2)).sum((0, 1))
            if delta_softplus:
                dd = dd * torch.sigmoid(raw)
            ddelta[:, :, part] = dd.permute(1, 2, 0, 3)
            dbias += dd.sum((0, 1))
            dD += (gs * us).sum((0, 1))
        return du, ddelta, dA.transpose(1, 2), dB, dC, dD, dbias


class TorchBackend(SequenceBackend):
    """The selective scan in plain PyTorch: exact, for any device, in bounded memory."""

    name = "torch"

    def __init__(self) -> None:
        super().__init__(TorchKernel())

    def unavailable_reason(self) -> str | None:
        """Always available."""
        return None

    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Any device and dtype."""
        return True
