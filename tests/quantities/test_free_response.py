"""Free-response curves against MONAI's, and by hand."""

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from monai.metrics import compute_froc_curve_data, compute_froc_score

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.quantities.free_response import FIGURES, RATES, Candidates, Tally, candidates, free_response
from nnunetv2_cipa.quantities.lesion_matching import match_components

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


@given(
    hits=st.lists(st.floats(0.5, 1), min_size=1, max_size=12, unique=True),
    false=st.lists(st.floats(0.5, 1), min_size=1, max_size=12, unique=True),
    patients=st.integers(1, 4),
)
def test_sensitivity_at_a_number_of_false_ones_is_that_of_the_strictest_sufficient_score(hits, false, patients):
    """By trying every score, on one patient with all lesions and others without any."""
    curve = free_response([Candidates(len(hits) + 1, tuple(hits), tuple(false)), *[Candidates()] * (patients - 1)])
    for allowed in RATES:
        kept = [score for score in (*hits, *false) if sum(one >= score for one in false) / patients <= allowed]
        expected = max((sum(hit >= score for hit in hits) for score in kept), default=0) / (len(hits) + 1)
        assert curve.sensitivity_at(allowed) == pytest.approx(expected)
    mean = np.mean([curve.sensitivity_at(rate) for rate in RATES])
    assert curve.sensitivity_at(*FIGURES["mean"]) == pytest.approx(mean)


def test_mean_sensitivity_is_monais_score_where_the_curve_has_a_point_at_each_number():
    """MONAI joins points by lines, here they are steps: where there are points, both are the same."""
    hits, false = tuple(np.linspace(0.99, 0.6, 40)), tuple(np.linspace(0.985, 0.55, 80))
    patients = [Candidates(60, hits, false), *[Candidates()] * 7]
    curve = free_response(patients)
    monai = compute_froc_score(*compute_froc_curve_data(np.array(false), np.array(hits), 60, 8), RATES)
    assert all(rate in curve.false_positives for rate in RATES)
    assert curve.sensitivity_at(*RATES) == pytest.approx(monai, abs=1 / 60)


def test_samples_of_patients_have_the_curves_of_those_patients():
    patients = [Candidates(2, (0.9,), (0.8, 0.6)), Candidates(1, (0.7,)), Candidates(0, (), (0.9,))]
    times = np.array([[1, 1, 1], [2, 0, 1], [0, 3, 0], [0, 0, 3]], dtype=np.float64)
    found = Tally(patients).curve(times)
    for number, row in enumerate(times[:3]):
        sample = [one for one, many in zip(patients, row, strict=True) for _ in range(int(many))]
        for allowed in (0, 0.5, 1, 2):
            assert found.sensitivity_at(allowed)[number] == free_response(sample).sensitivity_at(allowed)
    assert np.isnan(found.sensitivity_at(1)[3])


def test_candidates_are_scored_by_their_mean_probability():
    reference = np.zeros((6, 8), dtype=bool)
    reference[1, 1:4] = reference[4, 1:4] = True
    probabilities = np.zeros(reference.shape, dtype=np.float32)
    probabilities[1, 1:4] = 0.5, 0.75, 1
    probabilities[4, 6] = 0.9
    probabilities[4, 1:4] = 0.4

    def found(mask, scores=None):
        return candidates(match_components(reference, mask), scores)

    assert found(probabilities >= 0.5, probabilities) == Candidates(2, (0.75,), (pytest.approx(0.9),))
    assert len(found(probabilities >= 0.3, probabilities).hits) == 2
    assert found(probabilities >= 0.5) == Candidates(2, (1.0,), (1.0,))
    assert found(probabilities > 1, probabilities) == found(probabilities > 1) == Candidates(2)
    everything = np.ones_like(reference)
    assert found(everything, probabilities) == Candidates(2, (), (pytest.approx(4.35 / 48),))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_scores_are_those_of_loops_over_cc3d(data):
    shape = data.draw(array_shapes(min_dims=2, max_dims=3, max_side=6))
    reference, prediction = (data.draw(arrays(bool, shape)) for _ in "rp")
    probabilities = data.draw(arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    matching = match_components(reference, prediction)
    found = candidates(matching, probabilities)
    numbers = cc3d.connected_components(prediction.astype(np.uint8), connectivity=8 if prediction.ndim == 2 else 18)
    expected = [float(probabilities[numbers == label].astype(float).mean()) for label in range(1, numbers.max() + 1)]
    assert sorted(found.hits + found.false) == pytest.approx(sorted(expected), abs=1e-9)
    hits = [
        float(probabilities[matching.predictions[0] == number].astype(float).mean()) for _, number in matching.pairs
    ]
    assert sorted(found.hits) == pytest.approx(sorted(hits), abs=1e-9)
    lesions = cc3d.connected_components(reference.astype(np.uint8), connectivity=8 if reference.ndim == 2 else 18).max()
    assert found.lesions == lesions


def test_curve_by_hand():
    curve = free_response([Candidates(2, (0.9,), (0.8,)) + Candidates(1, (0.7,)), Candidates(1, (), (0.7, 0.6))])
    assert curve.scores.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6]
    assert curve.false_positives.tolist() == [0, 0, 0.5, 1, 1.5]
    assert curve.sensitivities.tolist() == [0, 0.25, 0.25, 0.5, 0.5]
    assert curve.sensitivity_at(0.9) == 0.25
    assert curve.sensitivity_at(1) == 0.5
