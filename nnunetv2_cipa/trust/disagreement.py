"""How much the members of an ensemble disagree: entropy of their mean, and Dice between them."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.nnunet.probabilities import Probabilities


def entropy(probabilities: Probabilities, *, exclusive: bool = True) -> NDArray[np.float32]:
    """Predictive entropy of each pixel in bits, of probabilities `(channels, ...)`.

    Args:
        probabilities: Of an ensemble's mean, for entropy that includes the members' disagreement.
        exclusive: Channels add up to 1 and the entropy is that over all of them, at most log2(channels); else each is a
            region of its own, and the entropy is that of the least certain one, at most 1.
    """
    if exclusive:
        total: NDArray[np.float32] = _information(probabilities).sum(axis=0)
        return total
    highest: NDArray[np.float32] = (_information(probabilities) + _information(1 - probabilities)).max(axis=0)
    return highest


def pairwise_dice(masks: Sequence[NDArray[np.bool_]]) -> float:
    """Mean Dice over all pairs of members' masks; two that are empty agree, which counts as 1.

    NaN for less than two members.
    """
    sizes = [int(np.count_nonzero(mask)) for mask in masks]
    values = []
    for (one, size), (other, other_size) in itertools.combinations(zip(masks, sizes, strict=True), 2):
        both = size + other_size
        values.append(2 * int(np.count_nonzero(one & other)) / both if both else 1.0)
    return math.fsum(values) / len(values) if values else math.nan


def _information(probabilities: Probabilities) -> Probabilities:
    """-p log2 p, 0 where p is 0."""
    positive = np.where(probabilities > 0, probabilities, 1)
    return np.asarray(-probabilities * np.log2(positive), dtype=np.float32)
