"""Free-response curves against MONAI's, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_froc_curve_data

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.quantities.free_response import Candidates, candidates, free_response

scores = st.lists(st.sampled_from([0.5, 0.6, 0.75, 0.9, 1.0]), max_size=5).map(tuple)


@given(
    patients=st.lists(
        st.builds(
            lambda hits, false, more: Candidates(len(hits) + more, hits, false), scores, scores, st.integers(0, 3)
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=100, deadline=None)
def test_agrees_with_monai(patients):
    hits = np.array([score for patient in patients for score in patient.hits])
    false = np.array([score for patient in patients for score in patient.false])
    lesions = sum(patient.lesions for patient in patients)
    if not lesions:
        with pytest.raises(InputError, match="needs lesions"):
            free_response(patients)
        return
    curve = free_response(patients)
    if not (len(hits) and len(false)):
        assert curve.sensitivities[-1] == len(hits) / lesions
        return
    theirs_false, theirs_sensitivity = compute_froc_curve_data(false, hits, lesions, len(patients))
    ours = list(zip(curve.false_positives.tolist(), curve.sensitivities.tolist(), strict=True))
    expected = set(zip(np.round(theirs_false, 9).tolist(), np.round(theirs_sensitivity, 9).tolist(), strict=True))
    assert {(round(x, 9), round(y, 9)) for x, y in ours} >= expected - {(0.0, 0.0)}
    assert len({*ours}) == len(ours)


def test_candidates_of_probabilities():
    reference = np.zeros((6, 8), dtype=bool)
    reference[1, 1:4] = reference[4, 1:4] = True
    probabilities = np.zeros(reference.shape, dtype=np.float32)
    probabilities[1, 1:4] = 0.6, 0.75, 0.5
    probabilities[4, 6] = 0.9
    probabilities[4, 1:4] = 0.4
    assert candidates(reference, probabilities) == Candidates(2, (0.75,), (pytest.approx(0.9),))
    assert candidates(reference, probabilities, threshold=0.3).lesions == 2
    assert len(candidates(reference, probabilities, threshold=0.3).hits) == 2
    assert candidates(reference, probabilities >= 0.5) == Candidates(2, (1.0,), (1.0,))
    assert candidates(reference, probabilities * 0) == Candidates(2)


def test_curve_by_hand():
    curve = free_response([Candidates(2, (0.9,), (0.8,)) + Candidates(1, (0.7,)), Candidates(1, (), (0.7, 0.6))])
    assert curve.scores.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6]
    assert curve.false_positives.tolist() == [0, 0, 0.5, 1, 1.5]
    assert curve.sensitivities.tolist() == [0, 0.25, 0.25, 0.5, 0.5]
    assert curve.sensitivity_at(0.9) == 0.25
    assert curve.sensitivity_at(1) == 0.5
