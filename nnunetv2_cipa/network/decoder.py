"""The Mamba decoder with channel attention (CIPA, section 3.4; blocks as in Sigma, https://arxiv.org/abs/2404.04256)."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from dynamic_network_architectures.building_blocks.regularization import DropPath
from torch import Tensor, nn

from nnunetv2_cipa.network.fused import is_fused, project_normalised, upsampled_logits
from nnunetv2_cipa.network.projection import Projection, project
from nnunetv2_cipa.network.recomputed import Recomputed, repeating
from nnunetv2_cipa.network.state_space import SS2D

STATE_SIZE = 4
BLOCKS_PER_LEVEL = 4
DROP_PATH_RATE = 0.1


class Decoder(nn.Module):
    """Logits from four fused maps: three levels, each adding a skip, then an upsampling to the image's grid.

    Args:
        stage_channels: c, 2c, 4c, 8c of the fused maps, finest first.
        num_classes: output channels.
    """

    def __init__(self, stage_channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        finest, *_, coarsest = stage_channels
        skips = list(stage_channels[-2::-1])  # coarse to fine
        rates = np.linspace(0, DROP_PATH_RATE, len(stage_channels) * BLOCKS_PER_LEVEL).reshape(-1, BLOCKS_PER_LEVEL)
        self.expand = PatchExpansion(coarsest)
        self.levels = nn.ModuleList(
            nn.Sequential(*(DecoderBlock(width, rate) for rate in rates[len(skips) - 1 - level].tolist()))
            for level, width in enumerate(skips)
        )
        self.upsamples = nn.ModuleList(Upsampling(width) for width in skips[:-1])
        self.norm = nn.LayerNorm(finest)
        self.head = Head(finest)
        # nnU-Net leaves the weights of `.seg_layers.` new when it fine-tunes (-pretrained_weights).
        self.seg_layers = nn.ModuleList([nn.Conv2d(finest, num_classes, kernel_size=1, bias=False)])
        self._initialise()

    def forward(self, fused: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Map fused maps (B, H', W', C), finest first, to logits (B, num_classes, *size)."""
        *skips, x = fused
        x = self.expand(x)
        for index, (level, skip) in enumerate(zip(self.levels, reversed(skips), strict=True)):
            x = level(_resize(self.upsamples[index - 1](x) if index else x, skip.shape[1:3]) + skip)
        logits = self.head(x, self.norm, self.seg_layers[0])
        return _resize(logits.permute(0, 2, 3, 1), size).permute(0, 3, 1, 2)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class PatchExpansion(nn.Module):
    """Twice as fine a grid, each position from a part of its parent's channels: (B, H, W, C) to (B, 2H, 2W, C/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = Projection(channels, 2 * channels, bias=False)
        self.norm = nn.LayerNorm(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, 2H, 2W, C/2)."""
        x = self.projection(x).unflatten(-1, (2, 2, -1))  # (B, H, W, 2, 2, C/2)
        return self.norm(x.transpose(2, 3).flatten(3, 4).flatten(1, 2))


class Upsampling(nn.Module):
    """Half the channels on twice as fine a grid, bilinear: (B, H, W, C) to (B, 2H, 2W, C/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = Projection(channels, channels // 2, bias=False)
        self.norm = nn.LayerNorm(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, 2H, 2W, C/2)."""
        return self.norm(_double(self.projection(x)))


class Head(Recomputed):
    """From the finest map to logits on the image's grid, twice bilinear: (B, H, W, C) to (B, classes, 4H, 4W).

    The second projection is defined between the two interpolations; being linear in the channels alone it commutes
    with the first one, and the product of the two is done where it costs a quarter.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection1 = Projection(channels, channels, bias=False)
        self.projection2 = Projection(channels, channels, bias=False)
        self.norm = nn.LayerNorm(channels)

    def compute(self, x: Tensor, norm: nn.LayerNorm, classes: nn.Conv2d) -> Tensor:
        """Normalise (B, H, W, C) by `norm`, project, upsample, and convolve by `classes`, a 1x1 convolution."""
        (x,) = project_normalised(x, norm, self.projection2.weight @ self.projection1.weight)
        return upsampled_logits(x, self.norm, classes.weight.flatten(1))


class DecoderBlock(nn.Module):
    """A scan and a convolutional channel attention, each beside a scaled identity; (B, H, W, C) to the same."""

    def __init__(self, channels: int, drop_path_rate: float) -> None:
        super().__init__()
        self.scan_norm = nn.LayerNorm(channels)
        self.ss2d = SS2D(channels, STATE_SIZE)
        self.drop_path = DropPath(drop_path_rate)
        self.scan_scale = nn.Parameter(torch.ones(channels))
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = ChannelAttentionBlock(channels)
        self.attention_scale = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, H, W, C)."""
        x = torch.addcmul(self.drop_path(self.ss2d(x, self.scan_norm)), x, self.scan_scale)
        attended = repeating(lambda: self.attention_norm(x), self.attention, wanted=is_fused(x))
        return torch.addcmul(attended, x, self.attention_scale)


class ChannelAttentionBlock(Recomputed):
    """Two 3x3 convolutions, then a weight per channel from the map's average and maximum; (B, H, W, C) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, channels // 3, kernel_size=3, padding=1),
            nn.GELU(),
            nn.Conv2d(channels // 3, channels, kernel_size=3, padding=1),
        )
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels, channels // 30, kernel_size=1, bias=False),
            nn.SiLU(),
            nn.Conv2d(channels // 30, channels, kernel_size=1, bias=False),
        )

    def compute(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, H, W, C)."""
        x = self.convolutions(x.permute(0, 3, 1, 2))
        average, maximum = self._squeezed(torch.cat((x.mean(dim=(2, 3)), x.amax(dim=(2, 3))))).chunk(2)
        weights = torch.sigmoid(average + maximum)[:, :, None, None]
        return (x * weights).permute(0, 2, 3, 1)

    def _squeezed(self, x: Tensor) -> Tensor:
        """`squeeze` of maps of one position (B, C), as the projections that its convolutions are there."""
        narrow, widen = (cast(nn.Conv2d, self.squeeze[layer]).weight.flatten(1) for layer in (0, 2))
        return project(F.silu(project(x, narrow)), widen)


def _double(x: Tensor) -> Tensor:
    return _interpolate(x, (2 * x.shape[1], 2 * x.shape[2]))


def _resize(x: Tensor, size: Sequence[int]) -> Tensor:
    return x if x.shape[1:3] == tuple(size) else _interpolate(x, size)


def _interpolate(x: Tensor, size: Sequence[int]) -> Tensor:
    resized = F.interpolate(x.permute(0, 3, 1, 2), size=tuple(size), mode="bilinear", align_corners=False)
    return resized.permute(0, 2, 3, 1)
