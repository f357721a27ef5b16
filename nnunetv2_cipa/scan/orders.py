"""The orders in which a map's positions are scanned (VMamba's cross-scan, https://arxiv.org/abs/2401.10166).

Of a map (H, W), order 0 goes row by row, order 1 column by column, order 2 is order 0 and order 3 order 1 backwards.
One direction is order 0 alone; for W = 1 that is a plain sequence.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

DIRECTIONS = (1, 4)


def to_sequences(maps: Tensor | Sequence[Tensor]) -> Tensor:
    """Unroll map k of K in order k: K maps (B, H, W, F) to a new tensor (B, K, L, F) with L = H * W."""
    sequences = [maps[k].flatten(1, 2) if k % 2 == 0 else maps[k].transpose(1, 2).flatten(1, 2) for k in range(len(maps))]
    return torch.stack([s.flip(1) if k >= 2 else s for k, s in enumerate(sequences)], dim=1)


def to_maps(sequences: Tensor, height: int, width: int) -> list[Tensor]:
    """Put the K sequences (B, K, L, F) back to their positions: K maps (B, H, W, F). Inverse of `to_sequences`."""
    ordered = [s.flip(1) if k >= 2 else s for k, s in enumerate(sequences.unbind(1))]
    return [
        s.unflatten(1, (height, width)) if k % 2 == 0 else s.unflatten(1, (width, height)).transpose(1, 2)
        for k, s in enumerate(ordered)
    ]
