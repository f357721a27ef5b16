"""Risk-coverage curves by hand, and against all orders of cases with the same score."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.trust.risk_coverage import risk_coverage


def test_by_hand():
    curve = risk_coverage([0.9, 0.2, 0.5, 0.7], [0.1, 0.6, 0.5, 0.0])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.risk == pytest.approx([0.1, 0.05, 0.2, 0.3])
    assert curve.optimal == pytest.approx([0, 0.05, 0.2, 0.3])
    assert curve.area == pytest.approx(0.1625)
    assert curve.optimal_area == pytest.approx(0.1375)
    assert curve.random_area == pytest.approx(0.3)


@given(cases=st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.floats(0, 1)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_cases_of_the_same_score_are_the_mean_over_their_orders(cases):
    curves = []
    for order in itertools.permutations(cases):
        ordered = sorted(order, key=lambda case: -case[0])
        curves.append([np.mean([risk for _, risk in ordered[:taken]]) for taken in range(1, len(cases) + 1)])
    scores, risks = zip(*cases, strict=True)
    curve = risk_coverage(scores, risks)
    assert curve.risk == pytest.approx(np.mean(curves, axis=0))
    assert (curve.optimal <= curve.risk + 1e-12).all()


def test_undefined_values_are_refused():
    with pytest.raises(InputError, match="needs cases"):
        risk_coverage([], [])
    with pytest.raises(InputError, match="every case"):
        risk_coverage([0.1, np.nan], [0.1, 0.2])
