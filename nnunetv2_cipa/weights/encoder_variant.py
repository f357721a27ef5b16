"""Which size of encoder a state dict is of."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import VARIANTS, VariantName

_BLOCK = re.compile(r"(?:backbone\.vssm\.layers|encoder\.stages)\.(\d+)(?:\.blocks)?\.(\d+)\.")
"""Of published names and ours."""

_STAGES = 4


def encoder_variant(weights: Mapping[str, Tensor], first_convolution: str, path: Path) -> VariantName:
    """The variant with the encoder of some weights.

    Args:
        weights: by published names or ours.
        first_convolution: name of the patch embedding's weight among them.
        path: of their file, for the message.

    Raises:
        InputError: no variant has such an encoder.
    """
    channels = len(weights[first_convolution])
    blocks = {found.groups() for name in weights if (found := _BLOCK.match(name))}
    depths = tuple(sum(stage == str(number) for stage, _ in blocks) for number in range(_STAGES))
    for name in get_args(VariantName):
        variant = VARIANTS[name]
        if (variant.channels, variant.depths) == (channels, depths):
            return name
    known = ", ".join(f"{name} has {variant.channels} and {variant.depths}" for name, variant in VARIANTS.items())
    raise InputError(
        f"{path} has an encoder of {channels} channels and {depths} blocks, which is no variant of CIPA's: {known}. "
        "Later VMamba versions have other encoders; those of its first version fit."
    )
