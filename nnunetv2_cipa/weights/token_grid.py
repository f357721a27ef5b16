"""CRM's token axis is a map's positions: its weights resampled for a map of another size."""

import math
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.network import stage_sizes
from nnunetv2_cipa.network.encoder import PATCH

Grid = tuple[int, int]
_PER_POSITION = ("token_norm.weight", "token_norm.bias", "embedding.weight")
_SUMMED = "embedding.weight"
FINEST_POSITIONS = "crm.0.token_norm.weight"
"""Name of a parameter with one value for each position of the finest map."""


def depends_on_grid(name: str) -> bool:
    """Whether a parameter of `CIPA` is one of CRM's that have a value for each position."""
    return name.startswith("crm.") and name.endswith(_PER_POSITION)


def square_patch_size(positions: int) -> int | None:
    """Side in pixels of the square input whose finest map has so many positions, or None if there is none."""
    side = math.isqrt(positions)
    return side * PATCH if side * side == positions and side else None


def resample_crm(weights: Mapping[str, Tensor], source: Grid, target: Grid) -> dict[str, Tensor]:
    """Interpolate CRM's weights per position from a network for the `source` patch size to one for `target`.

    Weights are a field over the image: interpolated bilinearly, with anti-aliasing where they become fewer. The
    embedding sums over positions; its weight is scaled by their ratio, so that the same maps, sampled more finely, give
    the same sums.

    Args:
        weights: parameters of `CIPA` by name, `(..., H * W)`; `depends_on_grid` holds for all.
        source: height and width of input in pixels.
        target: the same, of the network to be filled.
    """
    resampled = {}
    for name, value in weights.items():
        stage = int(name.split(".")[1])
        old, new = stage_sizes(source)[stage], stage_sizes(target)[stage]
        field = value.reshape(1, -1, *old)
        scaled = F.interpolate(field, new, mode="bilinear", align_corners=False, antialias=True)
        ratio = math.prod(old) / math.prod(new) if name.endswith(_SUMMED) else 1.0
        resampled[name] = (scaled * ratio).reshape(*value.shape[:-1], -1)
    return resampled
