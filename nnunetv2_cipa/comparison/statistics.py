"""Intervals and tests. Patients are the unit throughout: slices of one patient are not independent.

scipy has the bootstrap (Efron's BCa intervals) and Wilcoxon's test. It has no Holm correction; statsmodels has, but
six lines are no reason for one more dependency.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from nnunetv2_cipa.evaluation.overlap import Numbers

_BATCH = 250  # resamples at a time, so that memory stays small
_DECIMALS = 9  # what differs by less is rounding


@dataclass(frozen=True)
class Settings:
    """How intervals were made.

    Attributes:
        confidence: Of all intervals.
        resamples: Number of bootstrap samples of patients.
        seed: Of the random numbers that draw them.
    """

    confidence: float = 0.95
    resamples: int = 9999
    seed: int = 0


@dataclass(frozen=True)
class Interval:
    """A figure with its interval of confidence.

    Attributes:
        value: The figure; NaN where it is undefined.
        low: Lower end of the interval; NaN where there are too few patients for one.
        high: Upper end.
        defined: Number of patients it stands on.
    """

    value: float
    low: float
    high: float
    defined: int


@dataclass(frozen=True)
class PairedTest:
    """What the patients say about two models, one by one.

    Attributes:
        p_value: Wilcoxon's signed-rank test, two-sided; NaN where no patient differs.
        p_holm: The same after Holm's correction for all pairs of models.
        wins: Patients for whom the first model is better.
        losses: Patients for whom the second one is.
        ties: Patients for whom they are equal.
    """

    p_value: float
    p_holm: float
    wins: int
    losses: int
    ties: int


def bootstrap_interval(
    columns: Sequence[ArrayLike], statistic: Callable[..., Numbers], settings: Settings, *, defined: int
) -> Interval:
    """Estimate a figure, and its interval over samples of as many patients, drawn with replacement.

    The interval is bias-corrected and accelerated (Efron, "Better Bootstrap Confidence Intervals", 1987). The same seed
    draws the same patients for every figure of as many patients.

    Args:
        columns: Arrays of one number for each patient, all in the same order.
        statistic: Takes such arrays, with any axes before that of the patients, and returns one figure for each set.
        settings: How the interval is made.
        defined: Number of patients to be named in the result.

    Returns:
        Figure and interval. The interval's ends are NaN for fewer than two patients, and where BCa has none; where all
        patients are alike, both ends are the figure.
    """
    data = [np.asarray(column, dtype=np.float64) for column in columns]
    if not data[0].size:
        return Interval(math.nan, math.nan, math.nan, defined)
    value = float(statistic(*data))
    if data[0].size < 2 or math.isnan(value):
        return Interval(value, math.nan, math.nan, defined)
    if all((column == column[0]).all() for column in data):
        return Interval(value, value, value, defined)

    def of_axis(*resampled: Numbers, axis: int) -> Numbers:
        return statistic(*(np.moveaxis(column, axis, -1) for column in resampled))

    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # the ends are NaN then, which says as much
        result = stats.bootstrap(
            data,
            of_axis,
            n_resamples=settings.resamples,
            batch=_BATCH,
            vectorized=True,
            paired=True,
            confidence_level=settings.confidence,
            method="BCa",
            rng=np.random.default_rng(settings.seed),
        )
    interval = result.confidence_interval
    return Interval(value, float(interval.low), float(interval.high), defined)


def mean_interval(values: ArrayLike, settings: Settings) -> Interval:
    """Mean over those patients for whom the value is defined."""
    numbers = np.asarray(values, dtype=np.float64)
    defined = numbers[~np.isnan(numbers)]
    return bootstrap_interval([defined], _mean, settings, defined=defined.size)


def paired_test(first: ArrayLike, second: ArrayLike, *, higher_is_better: bool) -> PairedTest:
    """Wilcoxon's signed-rank test of two models' values for the same patients, undefined ones left out.

    Patients without a difference are left out of the test, as Wilcoxon did. The p-value is exact for up to 50 patients
    without ties among their differences and for up to 13 with them, else by the normal approximation. It is not yet
    corrected: `p_holm` equals it.
    """
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    differences = np.round(differences[~np.isnan(differences)], _DECIMALS)
    different = differences[differences != 0]
    p_value = float(stats.wilcoxon(different).pvalue) if different.size else math.nan
    higher, lower = int((differences > 0).sum()), int((differences < 0).sum())
    wins, losses = (higher, lower) if higher_is_better else (lower, higher)
    return PairedTest(p_value, p_value, wins, losses, ties=int(differences.size - different.size))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm, 1979); undefined ones (NaN) stay so and do not count.

    The smallest is multiplied by their number n, the next one by n - 1, and so on; none may be smaller than the one
    before it, nor larger than 1.
    """
    corrected = [math.nan] * len(p_values)
    ascending = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, index) in enumerate(ascending):
        largest = max(largest, min(1.0, p * (len(ascending) - rank)))
        corrected[index] = largest
    return corrected


def smallest_p_value(patients: int) -> float:
    """The smallest p-value that Wilcoxon's two-sided test can give: that of all patients on one side."""
    return 2.0 ** (1 - patients) if patients else math.nan


def _mean(values: Numbers) -> Numbers:
    return np.mean(values, axis=-1)
