"""DCIM, the dynamic cross-modality interaction module (CIPA, section 3.3, https://arxiv.org/abs/2503.17261)."""

import torch.nn.functional as F
from torch import Tensor, nn

from nnunetv2_cipa.network.state_space import SS2D

REGION = 4
STATE_SIZE = 16


class DCIM(nn.Module):
    """CT gives local tokens, PET one token per 4x4 region; each is scanned, and a region's token joins its 16 locals.

    Args:
        channels: C of both maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local_convolutions = nn.Sequential(
            *_convolution(channels, channels // 4),
            *_convolution(channels // 4, channels),
        )
        self.region_convolutions = nn.Sequential(
            *_convolution(channels, channels // 16),
            *_convolution(channels // 16, channels // 8, stride=2),
            *_convolution(channels // 8, channels // 4, stride=2),
            *_convolution(channels // 4, channels),
        )
        self.local_norm = nn.LayerNorm(REGION * REGION * channels)
        self.local_scan = SS2D(channels, STATE_SIZE)
        self.region_norm = nn.LayerNorm(channels)
        self.region_scan = SS2D(channels, STATE_SIZE)

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Fuse two maps (B, H, W, C) into one (B, H, W, C); sizes not divisible by 4 are zero-padded and cropped."""
        height, width = ct.shape[1:3]
        local = self.local_tokens(ct)
        region = self.region_tokens(pet)
        rows, columns = region.shape[1:3]

        region = region + self.region_scan(self.region_norm(region))
        normalised = self.local_norm(local.flatten(1)).view_as(local)
        local = local + self.local_scan(normalised)

        fused = local + region.flatten(0, 2)[:, None, None, :]
        fused = fused.unflatten(0, (-1, rows, columns)).transpose(2, 3)  # (B, rows, 4, columns, 4, C)
        return fused.flatten(3, 4).flatten(1, 2)[:, :height, :width]

    def local_tokens(self, ct: Tensor) -> Tensor:
        """Cut CT's (B, H, W, C) map after its convolutions in regions, row by row: (B * regions, 4, 4, C)."""
        x = self.local_convolutions(ct.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        bottom, right = -x.shape[1] % REGION, -x.shape[2] % REGION
        if bottom or right:
            x = F.pad(x, (0, 0, 0, right, 0, bottom))
        x = x.unflatten(1, (-1, REGION)).unflatten(3, (-1, REGION)).transpose(2, 3)
        return x.flatten(0, 2)

    def region_tokens(self, pet: Tensor) -> Tensor:
        """Condense PET's (B, H, W, C) map to one token per region: (B, ceil(H/4), ceil(W/4), C)."""
        return self.region_convolutions(pet.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def _convolution(in_channels: int, out_channels: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
