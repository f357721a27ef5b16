"""Calibration: whether of the pixels with a probability of 80 % about 80 % are foreground."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15
RELEVANT = 0.01
"""Probability of foreground from which a network sees anything at all; most pixels have less."""


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: pixels in bins of equal width by their probability. They add up (`+`).

    Attributes:
        pixels: Number of pixels in each bin.
        probability: Sum of their probabilities.
        foreground: Number of those that are foreground.
    """

    pixels: NDArray[np.float64]
    probability: NDArray[np.float64]
    foreground: NDArray[np.float64]

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(
            self.pixels + other.pixels, self.probability + other.probability, self.foreground + other.foreground
        )

    @property
    def mean_probability(self) -> NDArray[np.float64]:
        """Of each bin; NaN in an empty one."""
        return _quotient(self.probability, self.pixels)

    @property
    def frequency(self) -> NDArray[np.float64]:
        """Share of foreground in each bin; NaN in an empty one."""
        return _quotient(self.foreground, self.pixels)

    @property
    def expected_calibration_error(self) -> float:
        """Mean over pixels of the difference between a bin's mean probability and frequency; NaN without pixels.

        It is the ECE of Naeini et al. (2015), for the probability of foreground.
        """
        total = float(self.pixels.sum())
        return float(np.abs(self.probability - self.foreground).sum()) / total if total else math.nan


def reliability(probabilities: NDArray[np.floating], foreground: NDArray[np.bool_]) -> Reliability:
    """Sort pixels into the bins of a reliability diagram.

    Args:
        probabilities: Of foreground, any shape.
        foreground: Whether it is, the same shape.
    """
    values, truth = np.ravel(probabilities), np.ravel(foreground)
    bins = np.minimum((values * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    return Reliability(
        *(np.bincount(bins, weights, minlength=NUM_BINS).astype(np.float64) for weights in (None, values, truth))
    )


@dataclass(frozen=True)
class Reliabilities:
    """Reliability of all pixels, and of those that matter. They add up (`+`).

    Attributes:
        everywhere: Of all pixels, most of which are background beyond doubt.
        relevant: Of those with a probability of foreground of at least 1 %.
    """

    everywhere: Reliability
    relevant: Reliability

    def __add__(self, other: "Reliabilities") -> "Reliabilities":
        return Reliabilities(self.everywhere + other.everywhere, self.relevant + other.relevant)

    def named(self) -> dict[str, Reliability]:
        """Both, by their names in files."""
        return {"all_pixels": self.everywhere, "foreground_from_1_percent": self.relevant}


def reliabilities(
    probabilities: NDArray[np.floating],
    foreground: NDArray[np.bool_],
    relevant: NDArray[np.bool_] | None = None,
) -> Reliabilities:
    """Both reliabilities of the same pixels.

    Args:
        probabilities: Of foreground, any shape.
        foreground: Whether it is, the same shape.
        relevant: Which pixels matter; by default those with a probability of at least 1 %.
    """
    matter = probabilities >= RELEVANT if relevant is None else relevant
    return Reliabilities(reliability(probabilities, foreground), reliability(probabilities[matter], foreground[matter]))


def _quotient(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)
