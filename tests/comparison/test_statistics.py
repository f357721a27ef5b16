"""Intervals and tests, against enumeration, simulation and known examples."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnunetv2_cipa.comparison import Settings
from nnunetv2_cipa.comparison.statistics import bootstrap_interval, holm, mean_interval, paired_test, smallest_p_value

DARWIN = (49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48)  # heights of maize, eighths of an inch


def test_interval_is_that_of_all_possible_samples():
    """BCa worked out by hand over all 5^5 samples of five patients."""
    values = np.array([0.1, 0.2, 0.25, 0.6, 2.0])
    means = np.sort([np.mean(sample) for sample in product(values, repeat=5)])
    bias = stats.norm.ppf(np.mean(means < values.mean()) / 2 + np.mean(means <= values.mean()) / 2)
    without_one = np.array([np.delete(values, index).mean() for index in range(5)])
    from_mean = without_one.mean() - without_one
    acceleration = (from_mean**3).sum() / (6 * (from_mean**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    found = mean_interval(values, Settings(resamples=50_000))
    assert found.value == pytest.approx(0.63)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.02)
    assert found.defined == 5


def test_interval_covers_the_truth_as_often_as_it_says():
    """Skewed data, as Dice over patients are."""
    random = np.random.default_rng(0)
    intervals = [mean_interval(random.beta(5, 1.5, size=40), Settings(resamples=400, seed=seed)) for seed in range(300)]
    covered = np.mean([interval.low <= 5 / 6.5 <= interval.high for interval in intervals])
    assert 0.91 <= covered <= 0.98


def test_patients_are_drawn_as_a_whole():
    """The interval of a ratio is that of its linearisation, not of numerator and denominator drawn apart."""
    random = np.random.default_rng(1)
    part = random.uniform(1, 2, size=200)
    whole = 2 * part + random.uniform(0, 0.01, size=200)
    found = bootstrap_interval(
        [part, whole], lambda a, b: a.sum(axis=-1) / b.sum(axis=-1), Settings(resamples=500), defined=200
    )
    residual = part - found.value * whole
    error = residual.std(ddof=1) / np.sqrt(200) / whole.mean()
    assert found.value == pytest.approx(part.sum() / whole.sum())
    assert (found.high - found.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.15)


def test_undefined_values_are_left_out():
    values = [0.5, 0.7, np.nan, 0.9]
    assert mean_interval(values, Settings(resamples=99)) == mean_interval([0.5, 0.7, 0.9], Settings(resamples=99))
    assert mean_interval(values, Settings(resamples=99)).defined == 3


def test_the_seed_decides():
    values = np.random.default_rng(0).uniform(size=20)
    one, same, other = (mean_interval(values, Settings(resamples=99, seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert one.low != other.low


@pytest.mark.parametrize(
    ("values", "value", "low", "high"),
    [
        ([], np.nan, np.nan, np.nan),
        ([np.nan, np.nan], np.nan, np.nan, np.nan),
        ([0.5], 0.5, np.nan, np.nan),
        ([0.5, 0.5, 0.5], 0.5, 0.5, 0.5),
        ([0.0, 1.0], 0.5, 0.0, 1.0),
    ],
)
def test_few_patients(values, value, low, high):
    found = mean_interval(values, Settings(resamples=999))
    assert [found.value, found.low, found.high] == pytest.approx([value, low, high], nan_ok=True)


def test_known_wilcoxon_test():
    """Darwin's maize; R's wilcox.test gives V = 96, p-value = 0.04126."""
    found = paired_test(DARWIN, np.zeros(15), higher_is_better=True)
    assert found.p_value == pytest.approx(0.04126, abs=5e-6)
    assert (found.wins, found.losses, found.ties) == (13, 2, 0)


@settings(max_examples=25)
@given(st.lists(st.integers(-4, 4).filter(bool), min_size=1, max_size=8))
def test_p_value_is_that_of_all_signs(differences):
    """Whatever the signs are, they are equally probable if there is no difference."""
    ranks = stats.rankdata(np.abs(differences))
    signs = np.array(list(product((-1, 1), repeat=len(ranks))))
    sums = np.abs(signs @ ranks)
    expected = np.mean(sums >= abs(np.sign(differences) @ ranks) - 1e-9)
    found = paired_test(np.array(differences) / 10, np.zeros(len(ranks)), higher_is_better=True)
    assert found.p_value == pytest.approx(expected)


def test_better_is_what_the_measure_says():
    first, second = [1.0, 2.0, 3.0, np.nan, 5.0], [0.5, 2.5, 2.0, 1.0, 5.0]
    higher = paired_test(first, second, higher_is_better=True)
    lower = paired_test(first, second, higher_is_better=False)
    assert (higher.wins, higher.losses, higher.ties) == (2, 1, 1)
    assert (lower.wins, lower.losses, lower.ties) == (1, 2, 1)
    assert higher.p_value == lower.p_value


def test_rounding_is_no_difference():
    found = paired_test([0.1 + 0.2, 1.0], [0.3, 1.0], higher_is_better=True)
    assert found.ties == 2
    assert np.isnan(found.p_value)


@pytest.mark.parametrize("patients", [1, 2, 5, 8])
def test_smallest_p_value(patients):
    all_better = paired_test(np.arange(patients) + 1, np.zeros(patients), higher_is_better=True)
    assert smallest_p_value(patients) == pytest.approx(all_better.p_value)


def test_known_holm_correction():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, np.nan, 0.6, 0.02]) == pytest.approx([0.03, np.nan, 0.6, 0.04], nan_ok=True)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_as_holm_does(p_values, level):
    """Step down: the smallest is compared with level / n, the next with level / (n - 1), until one is not rejected."""
    rejected = set()
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - rank) > level:
            break
        rejected.add(index)
    assert {index for index, p_value in enumerate(holm(p_values)) if p_value <= level} == rejected
