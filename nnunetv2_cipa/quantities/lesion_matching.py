"""Lesions of a reference and of a prediction, matched one to one by how much they overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .masks import Components, Mask, components

MINIMUM_IOU = 0.1
"""From which overlap on two lesions match, as in autoPET V and PI-CAI."""


@dataclass(frozen=True)
class MatchedLesions:
    """Lesions by whether they have a partner. They add up (`+`), so that those of many images can be counted together.

    Attributes:
        detected: Sizes of the reference's lesions with a partner.
        missed: Sizes of those without.
        false: Sizes of the prediction's lesions without a partner.
    """

    detected: tuple[float, ...] = ()
    missed: tuple[float, ...] = ()
    false: tuple[float, ...] = ()

    def __add__(self, other: "MatchedLesions") -> "MatchedLesions":
        return MatchedLesions(self.detected + other.detected, self.missed + other.missed, self.false + other.false)

    @property
    def num_detected(self) -> int:
        """Number of the reference's lesions with a partner."""
        return len(self.detected)

    @property
    def num_missed(self) -> int:
        """Number of those without."""
        return len(self.missed)

    @property
    def num_false(self) -> int:
        """Number of the prediction's lesions without a partner."""
        return len(self.false)

    def by_size(self, limits: Sequence[float]) -> list["MatchedLesions"]:
        """Split the lesions into classes of size: below the first limit, from it to below the second, and so on."""
        classes = range(len(limits) + 1)

        def of_class(sizes: Sequence[float], wanted: int) -> tuple[float, ...]:
            return tuple(size for size, found in zip(sizes, np.digitize(sizes, limits), strict=True) if found == wanted)

        return [MatchedLesions(*(of_class(s, c) for s in (self.detected, self.missed, self.false))) for c in classes]


class Matching(NamedTuple):
    """Components of two masks and their partners.

    Attributes:
        references: The reference's components, `components(reference)`.
        predictions: The prediction's.
        pairs: Numbers of a reference's and a prediction's component for each match, `(N, 2)`, counted from 1.
    """

    references: tuple[Components, int]
    predictions: tuple[Components, int]
    pairs: NDArray[np.int64]

    @property
    def detected(self) -> NDArray[np.bool_]:
        """Which of the reference's components have a partner."""
        return np.isin(np.arange(1, self.references[1] + 1), self.pairs[:, 0])

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Which of the prediction's components have a partner."""
        return np.isin(np.arange(1, self.predictions[1] + 1), self.pairs[:, 1])

    def lesions(self, pixel_size: float = 1.0) -> MatchedLesions:
        """The lesions' sizes, in the unit that the area or volume of a pixel has."""
        references, predictions = (_sizes(*found) * pixel_size for found in (self.references, self.predictions))
        detected, hits = self.detected, self.hits
        return MatchedLesions(
            *(tuple(s.tolist()) for s in (references[detected], references[~detected], predictions[~hits]))
        )


def match_components(reference: Mask, prediction: Mask, *, minimum_iou: float = MINIMUM_IOU) -> Matching:
    """Number the components of two masks of the same shape, `(H, W)` or `(D, H, W)`, and match them one to one.

    Of all ways to pair components that overlap enough, it is the one with the largest sum of overlaps (Hungarian
    algorithm), so that a component has at most one partner.

    Args:
        reference: The true mask.
        prediction: The one to be judged.
        minimum_iou: Overlap (intersection over union) of two components from which they match.
    """
    references, predictions = components(reference), components(prediction)
    first, second = _sizes(*references), _sizes(*predictions)
    both = reference & prediction
    numbers, intersections = np.unique(
        np.stack([references[0][both], predictions[0][both]], axis=1), axis=0, return_counts=True
    )
    overlaps = np.zeros((len(first), len(second)))
    row, column = numbers[:, 0] - 1, numbers[:, 1] - 1
    overlaps[row, column] = intersections / (first[row] + second[column] - intersections)
    overlaps[overlaps < minimum_iou] = 0
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    matched = overlaps[rows, columns] > 0
    return Matching(references, predictions, np.stack([rows[matched], columns[matched]], axis=1) + 1)


def _sizes(numbers: Components, number: int) -> NDArray[np.int64]:
    """Pixels of each component."""
    return np.bincount(numbers[numbers > 0], minlength=number + 1)[1:]
