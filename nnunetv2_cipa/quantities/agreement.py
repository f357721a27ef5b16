"""Agreement of two measurements of the same patients, such as the volume of a reference and of a prediction.

Every function takes two arrays whose last axis is that of the patients, and returns one number for each set of them:
as it takes axes before, samples of patients can be drawn for intervals.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Numbers = NDArray[np.float64]

_NORMAL = float(stats.norm.ppf(0.975))


def bias(reference: Numbers, prediction: Numbers) -> Numbers:
    """Mean of prediction - reference."""
    return np.mean(prediction - reference, axis=-1)


def lower_limit(reference: Numbers, prediction: Numbers) -> Numbers:
    """Lower limit of agreement, bias - 1.96 SD of the differences (Bland and Altman 1986); NaN for one patient."""
    return bias(reference, prediction) - _NORMAL * _deviation(prediction - reference)


def upper_limit(reference: Numbers, prediction: Numbers) -> Numbers:
    """Upper limit of agreement, bias + 1.96 SD of the differences (Bland and Altman 1986); NaN for one patient."""
    return bias(reference, prediction) + _NORMAL * _deviation(prediction - reference)


def concordance(reference: Numbers, prediction: Numbers) -> Numbers:
    """Lin's concordance correlation coefficient (1989): 2 cov / (var + var + (difference of means)^2).

    Variances and covariance are divided by the number of patients, as Lin does. It is 1 where all pairs are equal, and
    NaN where both measurements are the same single value for all patients.
    """
    first = reference - np.mean(reference, axis=-1, keepdims=True)
    second = prediction - np.mean(prediction, axis=-1, keepdims=True)
    covariance = np.mean(first * second, axis=-1)
    spread = np.mean(first**2, axis=-1) + np.mean(second**2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * covariance / (spread + bias(reference, prediction) ** 2)


def _deviation(differences: Numbers) -> Numbers:
    """Standard deviation of a sample, divided by n - 1."""
    number = differences.shape[-1]
    if number < 2:
        return np.full(differences.shape[:-1], np.nan)
    return np.std(differences, axis=-1, ddof=1)
