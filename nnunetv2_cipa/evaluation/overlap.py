"""Pixel by pixel: counts of agreement, and the measures that follow from counts alone."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """Pixels (voxels, in a volume) by whether reference and prediction call them foreground.

    Counts add up (`+`), so that the measures of many images pooled are those of the sum. Measures are fractions, and
    NaN where there is nothing to divide by: then they are undefined, which is neither 0 nor 1.
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0

    def __add__(self, other: "Overlap") -> "Overlap":
        return Overlap(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.true_negatives + other.true_negatives,
        )

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
        """2 TP / (2 TP + FP + FN); NaN where both are empty, as in nnU-Net. It equals the F1 score."""
        return ratio(2 * self.true_positives, self.reference + self.prediction)

    @property
    def iou(self) -> float:
        """Intersection over union, TP / (TP + FP + FN); NaN where both are empty, as in nnU-Net."""
        return ratio(self.true_positives, self.reference + self.false_positives)

    @property
    def sensitivity(self) -> float:
        """TP / (TP + FN), also called recall; NaN where the reference is empty."""
        return ratio(self.true_positives, self.reference)

    @property
    def specificity(self) -> float:
        """TN / (TN + FP); NaN where the reference fills the image."""
        return ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def precision(self) -> float:
        """TP / (TP + FP), also called positive predictive value; NaN where the prediction is empty."""
        return ratio(self.true_positives, self.prediction)

    @property
    def balanced_accuracy(self) -> float:
        """Mean of sensitivity and specificity, the "Acc" of PCLT20K's tables; NaN where one of them is."""
        return (self.sensitivity + self.specificity) / 2


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


def ratio(part: float, whole: float) -> float:
    """`part / whole`, NaN where there is no whole."""
    return part / whole if whole else math.nan


def bounding_box(mask: Mask) -> tuple[slice, ...]:
    """The smallest part of the image that holds all of a mask that is not empty."""
    box = []
    for axis in range(mask.ndim):
        (occupied,) = np.nonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)
