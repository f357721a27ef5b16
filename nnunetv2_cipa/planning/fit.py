"""The largest batch and patch, up to those of nnU-Net's plan, that a training of CIPA has memory for."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA, VariantName
from nnunetv2_cipa.training.activation_memory import LARGEST_SHARE, RECOMPUTED_BYTES_PER_PIXEL

DIVISOR = 32
"""CIPA's coarsest map is 32 times smaller than the patch."""

SMALLEST_BATCH = 2
BYTES_PER_PARAMETER = 16
"""float32 parameter, gradient and AdamW's two moments."""


@dataclass(frozen=True)
class Fit:
    """A batch and patch, and the memory they were made for.

    Attributes:
        batch_size: images in a step.
        patch_size: H and W in pixels.
        needed_bytes: estimate for a training step.
        available_bytes: what it was fitted to.
    """

    batch_size: int
    patch_size: tuple[int, int]
    needed_bytes: int
    available_bytes: int


def fit_to_memory(
    variant: VariantName, batch_size: int, patch_size: Sequence[int], divisors: Sequence[int], available_bytes: int
) -> Fit:
    """Round the patch up to multiples of 32, then make the batch and, below two images, the patch as small as needed.

    The estimate: parameters with gradients and moments, and the activations kept for the backward pass with
    recomputation (the trainer keeps more only where that leaves half of the memory free), twice, for what is computed
    from them.

    Args:
        variant: of the network.
        batch_size: of nnU-Net's plan; the result is not larger.
        patch_size: of nnU-Net's plan, H and W.
        divisors: of H and W in the plan's U-Net; multiples stay multiples.
        available_bytes: of the device.

    Raises:
        InputError: not even two images of the smallest patch fit.
    """
    units = [math.lcm(DIVISOR, divisor) for divisor in divisors]
    sides = [math.ceil(side / unit) * unit for side, unit in zip(patch_size, units, strict=True)]
    while True:
        height, width = sides
        fixed = BYTES_PER_PARAMETER * _parameters(variant, (height, width))
        per_image = math.ceil(RECOMPUTED_BYTES_PER_PIXEL[variant] / LARGEST_SHARE) * height * width
        fitting = (available_bytes - fixed) // per_image
        if fitting >= min(batch_size, SMALLEST_BATCH):
            batch = int(min(batch_size, fitting))
            return Fit(batch, (height, width), fixed + batch * per_image, available_bytes)
        reducible = [axis for axis in (0, 1) if sides[axis] > units[axis]]
        if not reducible:
            least, free = (f"{number / 1e9:.1f} GB" for number in (fixed + SMALLEST_BATCH * per_image, available_bytes))
            raise InputError(
                f"A training step of CIPA-{variant} takes at least {least} and {free} are free. Free some memory, or "
                "choose a smaller variant."
            )
        longest = max(reducible, key=lambda axis: sides[axis])
        sides[longest] -= units[longest]


@functools.cache
def _parameters(variant: VariantName, patch_size: tuple[int, int]) -> int:
    """Number of parameters; some of CRM's depend on the patch."""
    with torch.device("meta"):
        network = CIPA(patch_size, variant=variant)
    return sum(parameter.numel() for parameter in network.parameters())
