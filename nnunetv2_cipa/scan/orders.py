"""The orders in which a map's positions are scanned (VMamba's cross-scan, https://arxiv.org/abs/2401.10166).

Of a map (H, W), order 0 goes row by row, order 1 column by column, order 2 is order 0 and order 3 is order 1 backwards.
One direction is order 0 alone; for W = 1 that is a plain sequence.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

DIRECTIONS = (1, 4)


def to_sequences(maps: Sequence[Tensor]) -> Tensor:
    """Unroll map k of K in order k: K maps (B, H, W, F) to a new tensor (L, B, K, F) with L = H * W."""
    unrolled = [maps[k].permute(2, 1, 0, 3) if k % 2 else maps[k].permute(1, 2, 0, 3) for k in range(len(maps))]
    sequences = [sequence.flatten(0, 1) for sequence in unrolled]
    return torch.stack(sequences[:2] + [sequence.flip(0) for sequence in sequences[2:]], dim=2)


def to_maps(sequences: Tensor, height: int, width: int) -> list[Tensor]:
    """Put the K sequences (L, B, K, F) back to their positions: K maps (B, H, W, F), the inverse of `to_sequences`."""
    forwards = list(sequences[:, :, :2].unbind(2)) + [sequence.flip(0) for sequence in sequences[:, :, 2:].unbind(2)]
    return [
        sequence.unflatten(0, (width, height)).permute(2, 1, 0, 3)
        if k % 2
        else sequence.unflatten(0, (height, width)).permute(2, 0, 1, 3)
        for k, sequence in enumerate(forwards)
    ]
