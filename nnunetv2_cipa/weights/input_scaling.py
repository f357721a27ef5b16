"""What a network's input was scaled by, folded into its first convolution.

That convolution has no padding, so that an affine map of the input is exactly a map of its weight and bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

RGB = 3


@dataclass(frozen=True)
class InputScaling:
    """Input of each of three colour channels, `gain * x + offset`, of the grey image x that our network is given."""

    name: str
    gain: tuple[float, float, float]
    offset: tuple[float, float, float]


def _imagenet() -> InputScaling:
    means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    red, green, blue = (1 / deviation for deviation in deviations)
    offsets = [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)]
    return InputScaling("ImageNet's mean and deviation", (red, green, blue), (offsets[0], offsets[1], offsets[2]))


UNSCALED = InputScaling("no scaling", (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
PUBLISHED = InputScaling("v/255*3.2-1.6", (3.2, 3.2, 3.2), (-1.6, -1.6, -1.6))
"""Of x = v/255, v being 8-bit grey values, as the published CIPA wants it."""
IMAGENET = _imagenet()
"""Of x = v/255, as VMamba's ImageNet weights want it."""


def fold(weight: Tensor, bias: Tensor, scaling: InputScaling) -> tuple[Tensor, Tensor]:
    """Turn a convolution of scaled RGB into the same function of one grey channel.

    Args:
        weight: (C, 3, h, w).
        bias: (C,).
        scaling: what the convolution's input is, given the grey image.

    Returns:
        Weight (C, 1, h, w) and bias (C,), computed in float64.
    """
    exact = weight.double()
    grey = (exact * _column(scaling.gain)).sum(dim=1, keepdim=True)
    shift = (exact * _column(scaling.offset)).sum(dim=(1, 2, 3))
    return grey.to(weight.dtype), (bias.double() + shift).to(bias.dtype)


def unfold(weight: Tensor, bias: Tensor, scaling: InputScaling) -> tuple[Tensor, Tensor]:
    """Turn a convolution of one grey channel into the same function of scaled RGB; `fold` takes it back.

    Two of the three channels are equal; the third holds what float32 rounds off, so that the weight comes back exactly.
    The bias comes back up to its own rounding.

    Args:
        weight: (C, 1, h, w).
        bias: (C,).
        scaling: the same in every colour.
    """
    (gain, *_), (offset, *_) = scaling.gain, scaling.offset
    total = weight.double() / gain
    half = (total / 2).to(weight.dtype)
    rest = (total - 2 * half.double()).to(weight.dtype)
    shift = offset * total.sum(dim=(1, 2, 3))
    return torch.cat((half, half, rest), dim=1), (bias.double() - shift).to(bias.dtype)


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, RGB, 1, 1)
