"""DCIM, the dynamic cross-modality interaction module (CIPA, section 3.3, https://arxiv.org/abs/2503.17261)."""

import torch.nn.functional as F
from torch import Tensor, nn

from nnunetv2_cipa.network.fused import is_fused
from nnunetv2_cipa.network.projection import project
from nnunetv2_cipa.network.recomputed import repeating
from nnunetv2_cipa.network.state_space import SS2D

REGION = 4
STATE_SIZE = 16
FEWEST_VALUES = 64
"""Of a channel in a batch, from which its mean and variance are estimated."""


class DCIM(nn.Module):
    """CT gives local tokens, PET one token per 4x4 region; each is scanned, and a region's token joins its 16 locals.

    Args:
        channels: C of both maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local_convolutions = NormalisedConvolutions(
            *_convolution(channels, channels // 4),
            *_convolution(channels // 4, channels),
        )
        self.region_convolutions = NormalisedConvolutions(
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
        tokens = local
        local = local + repeating(lambda: self._normalised(tokens), self.local_scan, wanted=is_fused(local))

        fused = local + region.flatten(0, 2)[:, None, None, :]
        fused = fused.unflatten(0, (-1, rows, columns)).transpose(2, 3)  # (B, rows, 4, columns, 4, C)
        return fused.flatten(3, 4).flatten(1, 2)[:, :height, :width]

    def _normalised(self, tokens: Tensor) -> Tensor:
        return self.local_norm(tokens.flatten(1)).view_as(tokens)

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


class NormalisedConvolutions(nn.Sequential):
    """Convolutions and batch norms, which train on few values a channel, too: (B, C, H, W) to (B, C', H', W').

    Published CIPA is trained on images of 512 pixels, where a channel has hundreds of values in a batch. On small
    patches it has a few, and a single one where the last map of one image is a single pixel, of which there is no
    variance. There a batch norm uses and keeps its running statistics in training, as it does in evaluation: those that
    were imported, or 0 and 1 from the start.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers in their order."""
        for layer in self:
            if isinstance(layer, nn.Conv2d) and x.shape[2:] == (1, 1):
                x = _convolved_pixel(layer, x)
            elif isinstance(layer, (nn.BatchNorm2d, nn.SyncBatchNorm)) and _has_few_values(layer, x):
                mean, variance = layer.running_mean, layer.running_var
                x = F.batch_norm(x, mean, variance, layer.weight, layer.bias, eps=layer.eps)
            else:
                x = layer(x)
        return x


def _convolved_pixel(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A padded convolution of a single pixel (B, C, 1, 1): all weights but the middle one see padding.

    As a product it is a ninth of the work, and right: oneDNN leaves the gradient of the outer weights unwritten in
    bfloat16 where a convolution has a stride.
    """
    row, column = layer.kernel_size[0] // 2, layer.kernel_size[1] // 2
    return project(x.flatten(1), layer.weight[:, :, row, column].contiguous(), layer.bias)[:, :, None, None]


def _has_few_values(layer: nn.BatchNorm2d | nn.SyncBatchNorm, x: Tensor) -> bool:
    # GPUs that share their statistics may have different numbers of images, but must all decide alike.
    images = 1 if isinstance(layer, nn.SyncBatchNorm) else x.shape[0]
    return images * x.shape[2] * x.shape[3] < FEWEST_VALUES


def _convolution(in_channels: int, out_channels: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
