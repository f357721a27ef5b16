"""Entropy against scipy, Dice between members by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from nnunetv2_cipa.trust.disagreement import entropy, pairwise_dice


@given(values=arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)))
def test_entropy_is_scipys(values):
    values = values + np.float32(1e-3)
    values[:, 0] = 0, 1, 0
    values /= values.sum(axis=0)
    assert entropy(values) == pytest.approx(stats.entropy(values, base=2, axis=0), abs=1e-5)


def test_entropy_of_regions_is_that_of_the_least_certain_one():
    found = entropy(np.array([[0.5, 1, 0.25], [1, 0, 0.5]], dtype=np.float32), exclusive=False)
    assert found == pytest.approx([1, 0, 1])


def test_mean_over_all_pairs():
    a, b, c = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]], dtype=bool)
    assert pairwise_dice([a, b, c]) == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert pairwise_dice([a, a]) == 1


def test_empty_masks_agree_with_each_other_and_with_nothing_else():
    empty, full = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
    assert pairwise_dice([empty, empty, full]) == pytest.approx(1 / 3)
    assert math.isnan(pairwise_dice([full]))
