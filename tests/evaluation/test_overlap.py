"""Counts and what follows from them, against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from nnunetv2_cipa.evaluation.overlap import Overlap, overlap, share


def sensitivity(found):
    return share(found.true_positives, found.false_negatives)


def precision(found):
    return share(found.true_positives, found.false_positives)


@given(data=st.data())
@settings(max_examples=40)
def test_agrees_with_scikit_learn(masks, data):
    reference, prediction = data.draw(masks())
    found = overlap(reference, prediction)
    expected = metrics.confusion_matrix(reference.ravel(), prediction.ravel(), labels=[False, True])
    assert [
        [found.true_negatives, found.false_positives],
        [found.false_negatives, found.true_positives],
    ] == expected.tolist()
    for ours, theirs in (
        (found.dice, metrics.f1_score),
        (sensitivity(found), metrics.recall_score),
        (precision(found), metrics.precision_score),
    ):
        np.testing.assert_allclose(ours, theirs(reference.ravel(), prediction.ravel(), zero_division=np.nan))
    if reference.any() or prediction.any():
        np.testing.assert_allclose(found.iou, metrics.jaccard_score(reference.ravel(), prediction.ravel()))
    if reference.any() and not reference.all():
        np.testing.assert_allclose(
            found.balanced_accuracy, metrics.balanced_accuracy_score(reference.ravel(), prediction.ravel())
        )


def test_by_hand():
    found = Overlap(true_positives=6, false_positives=2, false_negatives=4, true_negatives=88)
    assert (found.reference, found.prediction) == (10, 8)
    assert found.dice == pytest.approx(12 / 18)
    assert found.iou == pytest.approx(6 / 12)
    assert sensitivity(found) == pytest.approx(0.6)
    assert precision(found) == pytest.approx(0.75)
    assert share(found.true_negatives, found.false_positives) == pytest.approx(88 / 90)  # specificity
    assert found.balanced_accuracy == pytest.approx((0.6 + 88 / 90) / 2)


def test_undefined_where_nothing_is_to_be_divided_by():
    empty = Overlap(true_negatives=9)
    assert all(map(math.isnan, (empty.dice, empty.iou, sensitivity(empty), precision(empty), empty.balanced_accuracy)))
    false_alarm = Overlap(false_positives=1, true_negatives=8)
    assert (false_alarm.dice, false_alarm.iou, precision(false_alarm)) == (0, 0, 0)
    assert math.isnan(sensitivity(false_alarm))
    missed = Overlap(false_negatives=1, true_negatives=8)
    assert (missed.dice, missed.iou, sensitivity(missed)) == (0, 0, 0)
    assert math.isnan(precision(missed))


def test_sum_is_the_overlap_of_both_images():
    rng = np.random.default_rng(0)
    reference, prediction = rng.random((2, 2, 5, 7)) < 0.4
    assert overlap(reference, prediction) == overlap(reference[0], prediction[0]) + overlap(reference[1], prediction[1])


def test_leaves_out_what_does_not_count():
    reference, prediction = np.array([[1, 1, 0, 0]], dtype=bool), np.array([[1, 0, 1, 0]], dtype=bool)
    assert overlap(reference, prediction, np.array([[1, 0, 0, 1]], dtype=bool)) == Overlap(1, 0, 0, 1)
