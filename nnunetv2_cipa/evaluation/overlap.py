"""Pixel by pixel: counts of agreement, and the measures that follow from counts alone."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Amount = TypeVar("Amount", float, Numbers)
"""A number, or an array of them: formulas serve one case, and all of a bootstrap's samples at once."""

_Self = TypeVar("_Self", bound="Counts")


class Counts:
    """Numbers that add up field by field (`+`), for dataclasses."""

    def __add__(self: _Self, other: _Self) -> _Self:
        both = zip(vars(self).values(), vars(other).values(), strict=True)
        return type(self)(*(one + another for one, another in both))


def ratio(part: Amount, whole: Amount) -> Amount:
    """`part / whole`, NaN where there is no whole; of arrays element by element."""
    with np.errstate(invalid="ignore", divide="ignore"):
        quotient: Amount = np.true_divide(part, whole)
    return quotient


def dice(true_positives: Amount, false_positives: Amount, false_negatives: Amount) -> Amount:
    """2 TP / (2 TP + FP + FN); NaN where both masks are empty, as in nnU-Net. It equals the F1 score."""
    return ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives)


def iou(true_positives: Amount, false_positives: Amount, false_negatives: Amount) -> Amount:
    """Intersection over union, TP / (TP + FP + FN); NaN where both masks are empty, as in nnU-Net."""
    return ratio(true_positives, true_positives + false_positives + false_negatives)


def share(part: Amount, rest: Amount) -> Amount:
    """`part / (part + rest)`: sensitivity of TP and FN, precision of TP and FP, specificity of TN and FP."""
    return ratio(part, part + rest)


def balanced_accuracy(
    true_positives: Amount, false_positives: Amount, false_negatives: Amount, true_negatives: Amount
) -> Amount:
    """Mean of sensitivity and specificity, the "Acc" of PCLT20K's tables; NaN where one of them is."""
    return (share(true_positives, false_negatives) + share(true_negatives, false_positives)) / 2


@dataclass(frozen=True)
class Overlap(Counts):
    """Pixels (voxels, in a volume) by whether reference and prediction call them foreground.

    The measures of many images pooled are those of the sum. Measures are fractions, and NaN where there is nothing to
    divide by: then they are undefined, which is neither 0 nor 1.
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0

    @property
    def reference(self) -> int:
        """Pixels of the reference's foreground."""
        return self.true_positives + self.false_negatives

    @property
    def prediction(self) -> int:
        """Pixels of the prediction's foreground."""
        return self.true_positives + self.false_positives

    @property
    def dice(self) -> float:
        """As `dice` has it."""
        return dice(self.true_positives, self.false_positives, self.false_negatives)

    @property
    def iou(self) -> float:
        """As `iou` has it."""
        return iou(self.true_positives, self.false_positives, self.false_negatives)

    @property
    def balanced_accuracy(self) -> float:
        """As `balanced_accuracy` has it."""
        return balanced_accuracy(self.true_positives, self.false_positives, self.false_negatives, self.true_negatives)


def overlap(reference: Mask, prediction: Mask, counted: Mask | None = None) -> Overlap:
    """Count the pixels of two masks of the same shape, where `counted` is given only those in it."""
    pixels = reference.size if counted is None else int(np.count_nonzero(counted))
    if counted is not None:
        reference, prediction = reference & counted, prediction & counted
    true_positives = int(np.count_nonzero(reference & prediction))
    false_positives = int(np.count_nonzero(prediction)) - true_positives
    false_negatives = int(np.count_nonzero(reference)) - true_positives
    true_negatives = pixels - true_positives - false_positives - false_negatives
    return Overlap(true_positives, false_positives, false_negatives, true_negatives)
