"""Agreement against torchmetrics, and by hand."""

import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional import concordance_corrcoef

from nnunetv2_cipa.quantities.agreement import bias, concordance, lower_limit, upper_limit

REFERENCE, PREDICTION = np.array([10.0, 20.0, 30.0, 40.0]), np.array([12.0, 19.0, 33.0, 40.0])


def test_by_hand():
    assert bias(REFERENCE, PREDICTION) == 1
    deviation = np.sqrt((1 + 4 + 4 + 1) / 3)
    assert upper_limit(REFERENCE, PREDICTION) == pytest.approx(1 + 1.959964 * deviation)
    assert lower_limit(REFERENCE, PREDICTION) == pytest.approx(1 - 1.959964 * deviation)
    assert concordance(REFERENCE, REFERENCE) == 1
    assert concordance(REFERENCE, -REFERENCE + 50) == pytest.approx(-1)


@given(values=arrays(np.float64, (2, 3, 8), elements=st.floats(-100, 100).map(lambda x: round(x, 2)), unique=True))
@settings(max_examples=60, deadline=None)
def test_concordance_is_torchmetrics_for_every_set_of_patients(values):
    reference, prediction = values
    theirs = concordance_corrcoef(torch.tensor(prediction.T), torch.tensor(reference.T))
    covariances = [np.cov(*pair, ddof=0) for pair in zip(reference, prediction, strict=True)]
    lin = [
        2 * c[0, 1] / (c[0, 0] + c[1, 1] + (r.mean() - p.mean()) ** 2)
        for c, r, p in zip(covariances, reference, prediction, strict=True)
    ]
    assert concordance(reference, prediction) == pytest.approx(lin)
    assert concordance(reference, prediction) == pytest.approx(theirs.numpy(), abs=0.15)  # it divides by n - 1


@given(values=arrays(np.float64, (2, 6), elements=st.floats(-1e3, 1e3)))
@settings(max_examples=60, deadline=None)
def test_bias_and_limits_are_those_of_the_standard_library(values):
    reference, prediction = values
    differences = [float(p - r) for r, p in zip(reference, prediction, strict=True)]
    mean, reach = statistics.fmean(differences), 1.959964 * statistics.stdev(differences)
    found = [formula(reference, prediction) for formula in (bias, lower_limit, upper_limit)]
    expected = [mean, mean - reach, mean + reach]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_samples_of_patients_are_taken_along_the_last_axis():
    drawn = np.array([[0, 1, 2, 3], [0, 0, 1, 1]])
    for statistic in (bias, lower_limit, upper_limit, concordance):
        together = statistic(REFERENCE[drawn], PREDICTION[drawn])
        assert together.shape == (2,)
        assert together[1] == pytest.approx(statistic(REFERENCE[drawn[1]], PREDICTION[drawn[1]]))


def test_undefined_where_there_is_no_spread():
    one = np.array([3.0])
    assert np.isnan(upper_limit(one, one))
    assert np.isnan(lower_limit(one, one))
    assert np.isnan(concordance(np.full(3, 2.0), np.full(3, 2.0)))
    assert concordance(np.full(3, 2.0), np.full(3, 4.0)) == 0
