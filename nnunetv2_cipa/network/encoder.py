"""The encoder both modalities share: VMamba's four stages (https://arxiv.org/abs/2401.10166)."""

import numpy as np
import torch
import torch.nn.functional as F
from dynamic_network_architectures.building_blocks.regularization import DropPath
from torch import Tensor, nn

from nnunetv2_cipa.network.projection import Projection, project
from nnunetv2_cipa.network.state_space import SS2D
from nnunetv2_cipa.network.variants import Variant

PATCH = 4
STATE_SIZE = 16


class Encoder(nn.Module):
    """Four feature maps of single-channel images: strides 4, 8, 16, 32, channels c, 2c, 4c, 8c, channels last."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        channels = variant.stage_channels
        rates = np.linspace(0, variant.drop_path_rate, sum(variant.depths)).tolist()
        first_blocks = np.cumsum((0, *variant.depths[:-1])).tolist()
        self.patch_embedding = PatchEmbedding(channels[0])
        self.stages = nn.ModuleList(
            nn.Sequential(*(EncoderBlock(width, rate) for rate in rates[first : first + depth]))
            for width, depth, first in zip(channels, variant.depths, first_blocks, strict=True)
        )
        self.downsamples = nn.ModuleList(PatchMerging(width) for width in channels[:-1])
        self.output_norms = nn.ModuleList(nn.LayerNorm(width) for width in channels)
        self._initialise()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (B, 1, H, W) to four maps (B, H', W', C), finest first."""
        x = self.patch_embedding(images)
        maps = []
        for index, (stage, norm) in enumerate(zip(self.stages, self.output_norms, strict=True)):
            x = stage(self.downsamples[index - 1](x) if index else x)
            maps.append(norm(x))
        return maps

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)


class PatchEmbedding(nn.Module):
    """Non-overlapping 4x4 patches, each one token: (B, 1, H, W) to (B, H/4, W/4, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(1, channels, kernel_size=PATCH, stride=PATCH)
        self.norm = nn.LayerNorm(channels)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 1, H, W) to (B, H/4, W/4, C); a remainder at the bottom or right edge is left out."""
        height, width = (side - side % PATCH for side in images.shape[2:])
        patches = images[:, 0, :height, :width].unflatten(1, (-1, PATCH)).unflatten(3, (-1, PATCH)).transpose(2, 3)
        # The convolution as a projection of its patches, which writes channels last.
        return self.norm(project(patches.flatten(3), self.projection.weight.flatten(1), self.projection.bias))


class EncoderBlock(nn.Module):
    """x + DropPath(SS2D(LayerNorm(x))); VMamba's block without the later MLP."""

    def __init__(self, channels: int, drop_path_rate: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.ss2d = SS2D(channels, STATE_SIZE)
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, H, W, C)."""
        return x + self.drop_path(self.ss2d(x, self.norm))


class PatchMerging(nn.Module):
    """2x2 neighbours concatenated, normalised and projected: (B, H, W, C) to (B, ceil(H/2), ceil(W/2), 2C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = Projection(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, ceil(H/2), ceil(W/2), 2C); odd sizes are padded with zeros at the end."""
        height, width = x.shape[1:3]
        if height % 2 or width % 2:
            x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        corners = (x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2])
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))
