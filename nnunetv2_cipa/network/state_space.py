"""The state-space layers of CIPA: SS2D over an image in four directions, and its one-direction form over channels.

VMamba: https://arxiv.org/abs/2401.10166; Mamba: https://arxiv.org/abs/2312.00752.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nnunetv2_cipa.network.fused import (
    depthwise_silu,
    is_fused,
    joined,
    project_gated,
    project_in_parts,
    project_normalised,
)
from nnunetv2_cipa.network.projection import Projection, project
from nnunetv2_cipa.network.recomputed import Recomputed, repeating
from nnunetv2_cipa.scan import selective_scan_2d

DELTA_RANGE = (1e-3, 1e-1)
DELTA_FLOOR = 1e-4

MOST_POSITIONS = 16384
"""Of a batch that a processor takes through SS2D at a time if nothing learns; more would need memory that is new."""


class DirectionalScan(nn.Module):
    """Selective scan of `(B, H, W, D)` whose step sizes, inputs and outputs are projected from the map itself.

    Every position is projected once for all `directions`: a projection of a permuted sequence is the permuted
    projection, so the orders are left to the scan.
    """

    def __init__(self, width: int, state_size: int, rank: int, directions: int) -> None:
        super().__init__()
        self.state_size = state_size
        self.rank = rank
        self.directions = directions
        self.projection_weight = nn.Parameter(torch.empty(directions, rank + 2 * state_size, width))
        self.delta_weight = nn.Parameter(torch.empty(directions, width, rank))
        self.delta_bias = nn.Parameter(torch.empty(directions, width))
        self.A_log = nn.Parameter(torch.empty(directions, width, state_size))
        self.D = nn.Parameter(torch.empty(directions, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise as Mamba does: A = -(1..N), D = 1, and steps log-uniform in `DELTA_RANGE`."""
        width = self.projection_weight.shape[-1]
        nn.init.uniform_(self.projection_weight, -(width**-0.5), width**-0.5)
        nn.init.uniform_(self.delta_weight, -(self.rank**-0.5), self.rank**-0.5)
        low, high = (math.log(bound) for bound in DELTA_RANGE)
        with torch.no_grad():
            step = torch.empty_like(self.delta_bias).uniform_(low, high).exp().clamp(min=DELTA_FLOOR)
            self.delta_bias.copy_(step + torch.log(-torch.expm1(-step)))  # the inverse of softplus
            self.A_log.copy_(torch.arange(1, self.state_size + 1).log().expand_as(self.A_log))
        nn.init.ones_(self.D)

    def forward(self, x: Tensor) -> Tensor:
        """Scan `x` (B, H, W, D) and return the sum over the directions (B, H, W, D), float32 at least."""
        projected = project(x, self.projection_weight.flatten(0, 1)).unflatten(-1, (self.directions, -1))
        delta, B, C = projected.split((self.rank, self.state_size, self.state_size), dim=-1)
        return selective_scan_2d(x, delta, -torch.exp(self.A_log), B, C, self.D, self.delta_bias, self.delta_weight)


class SS2D(Recomputed):
    """2D selective scan layer (VMamba), `(B, H, W, C)` to the same shape.

    Args:
        channels: C; the inner width is 2C and the rank of the step projection ceil(C / 16).
        state_size: N, states per channel and direction.
    """

    def __init__(self, channels: int, state_size: int) -> None:
        super().__init__()
        inner = 2 * channels
        self.input_projection = Projection(channels, 2 * inner, bias=False)
        self.convolution = nn.Conv2d(inner, inner, kernel_size=3, padding=1, groups=inner)
        self.scan = DirectionalScan(inner, state_size, rank=math.ceil(channels / 16), directions=4)
        self.output_norm = nn.LayerNorm(inner)
        self.output_projection = Projection(inner, channels, bias=False)

    def compute(self, x: Tensor, norm: nn.LayerNorm | None = None) -> Tensor:
        """Map (B, H, W, C), whose channels `norm` normalises first, if given, to (B, H, W, C)."""
        if torch.is_grad_enabled() or not is_fused(x):
            return self._compute(x, norm)
        maps_at_a_time = max(MOST_POSITIONS // (x.shape[1] * x.shape[2]), 1)
        return joined([self._compute(maps, norm) for maps in x.split(maps_at_a_time)])

    def _compute(self, x: Tensor, norm: nn.LayerNorm | None) -> Tensor:
        weight = self.input_projection.weight
        if norm is None:
            x, gate = project_in_parts(x, weight, parts=2)
        else:
            x, gate = project_normalised(x, norm, weight, parts=2)  # each (B, H, W, 2C)
        repeats = is_fused(x) and not self.recompute
        y = repeating(lambda: depthwise_silu(x, self.convolution), self.scan, wanted=repeats)
        return project_gated(y, gate, self.output_norm, self.output_projection.weight)


class SS1D(nn.Module):
    """Selective scan layer over a sequence in one direction, `(B, S, C)` to the same shape (CIPA, section 3.2)."""

    def __init__(self, channels: int, state_size: int) -> None:
        super().__init__()
        inner = 2 * channels
        self.input_projection = Projection(channels, 2 * inner, bias=False)
        self.scan = DirectionalScan(inner, state_size, rank=math.ceil(channels / 16), directions=1)
        self.output_norm = nn.LayerNorm(inner)
        self.output_projection = Projection(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, S, C) to (B, S, C)."""
        x, gate = F.silu(self.input_projection(x)).chunk(2, dim=-1)  # each (B, S, 2C)
        y = self.scan(x.unsqueeze(2)).squeeze(2)
        return self.output_projection(self.output_norm(y) * gate)
