"""Expected calibration error against torchmetrics, and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional.classification import binary_calibration_error

from nnunetv2_cipa.trust.calibration import reliabilities, reliability


@given(data=st.data(), pixels=st.integers(1, 60))
@settings(max_examples=80, deadline=None)
def test_agrees_with_torchmetrics(data, pixels):
    bins = data.draw(arrays(np.int64, pixels, elements=st.integers(0, 14)))
    within = data.draw(arrays(np.float64, pixels, elements=st.floats(0.1, 0.9)))
    probabilities = (bins + within) / 15  # not on the limits of bins, which may belong to either
    foreground = data.draw(arrays(bool, pixels))
    found = reliability(probabilities, foreground)
    expected = binary_calibration_error(torch.tensor(probabilities), torch.tensor(foreground.astype(int)), n_bins=15)
    assert found.expected_calibration_error == pytest.approx(expected.item(), abs=1e-6)


def test_by_hand():
    found = reliability(np.array([[0.0, 0.01], [0.5, 1.0]]), np.array([[False, True], [True, True]]))
    assert found.pixels[[0, 7, 14]].tolist() == [2, 1, 1]
    assert found.frequency[[0, 7, 14]].tolist() == [0.5, 1, 1]
    assert found.mean_probability[[0, 7, 14]] == pytest.approx([0.005, 0.5, 1])
    assert np.isnan(found.frequency[3])
    assert found.expected_calibration_error == pytest.approx((0.99 + 0.5) / 4)
    assert (found + found).expected_calibration_error == pytest.approx((0.99 + 0.5) / 4)
    assert (found + found).pixels.sum() == 8


def test_pixels_that_matter_are_those_with_one_percent_or_those_told():
    values, truth = np.array([0.001, 0.02, 0.9]), np.array([False, False, True])
    found = reliabilities(values, truth)
    assert (found.everywhere.pixels.sum(), found.relevant.pixels.sum()) == (3, 2)
    assert (found + found).relevant.pixels.sum() == 4
    told = reliabilities(values, truth, np.array([True, False, False]))
    assert told.relevant.probability.sum() == pytest.approx(0.001)
    assert list(found.named()) == ["all_pixels", "foreground_from_1_percent"]


def test_undefined_without_pixels():
    assert math.isnan(reliability(np.zeros(0), np.zeros(0, dtype=bool)).expected_calibration_error)
