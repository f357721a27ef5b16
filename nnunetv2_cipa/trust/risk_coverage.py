"""What a score of trust is worth: the error that remains where a human looks at the least trusted cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnunetv2_cipa.errors import InputError


@dataclass(frozen=True)
class RiskCoverage:
    """A risk-coverage curve (Geifman and El-Yaniv 2017).

    Attributes:
        coverage: Share of the cases that are taken as predicted, the most trusted first: 1/n, 2/n, ..., 1.
        risk: Their mean risk.
        optimal: The same for a score that knows the risks.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    optimal: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Mean of the risk over coverages (AURC)."""
        return float(self.risk.mean())

    @property
    def optimal_area(self) -> float:
        """The smallest area that these risks allow."""
        return float(self.optimal.mean())

    @property
    def random_area(self) -> float:
        """The area that a score without meaning has in the mean: the risk of all cases."""
        return float(self.risk[-1])


def risk_coverage(scores: ArrayLike, risks: ArrayLike) -> RiskCoverage:
    """The curve of cases with a score (higher: more trusted) and a risk (such as 1 - Dice).

    Cases of the same score come in no order: each has the mean of their risks.

    Raises:
        InputError: there are no cases, or values that are undefined.
    """
    trust, risk = np.asarray(scores, dtype=np.float64), np.asarray(risks, dtype=np.float64)
    if not trust.size:
        raise InputError("A risk-coverage curve needs cases: there are none.")
    if np.isnan(trust).any() or np.isnan(risk).any():
        raise InputError("A risk-coverage curve needs a score and a risk of every case.")
    _, group, sizes = np.unique(-trust, return_inverse=True, return_counts=True)
    expected = np.bincount(group, risk) / sizes
    return RiskCoverage(
        np.arange(1, trust.size + 1) / trust.size,
        _running_mean(np.repeat(expected, sizes)),
        _running_mean(np.sort(risk)),
    )


def _running_mean(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.cumsum(values) / np.arange(1, len(values) + 1)
