"""One-to-one matching against all assignments of cc3d's components, and by hand."""

import itertools
import math

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnunetv2_cipa.quantities.lesion_matching import MatchedLesions, match_components


def separate(mask):
    numbers = cc3d.connected_components(mask.astype(np.uint8), connectivity=8 if mask.ndim == 2 else 18)
    return [numbers == label for label in range(1, numbers.max() + 1)]


@given(data=st.data(), minimum=st.sampled_from([0.1, 0.3, 0.5]))
@settings(max_examples=150, deadline=None)
def test_no_other_assignment_has_a_larger_sum_of_overlaps(data, minimum):
    shape = data.draw(array_shapes(min_dims=2, max_dims=3, max_side=6))
    reference, prediction = (data.draw(arrays(bool, shape, elements=st.booleans(), fill=st.just(False))) for _ in "rp")
    references, predictions = separate(reference), separate(prediction)
    if min(len(references), len(predictions)) > 5:
        return
    overlap = [[(a & b).sum() / (a | b).sum() for b in predictions] for a in references]
    small, large = sorted((range(len(references)), range(len(predictions))), key=len)
    best = max(
        sum(
            value
            for i, j in zip(small, order, strict=True)
            if (value := overlap[i][j] if len(references) <= len(predictions) else overlap[j][i]) >= minimum
        )
        for order in itertools.permutations(large, len(small))
    )
    matching = match_components(reference, prediction, minimum_iou=minimum)
    found = [
        (a & b).sum() / (a | b).sum()
        for i, j in matching.pairs
        for a, b in ((matching.references[0] == i, matching.predictions[0] == j),)
    ]
    assert all(value >= minimum for value in found)
    assert len(set(matching.pairs[:, 0])) == len(set(matching.pairs[:, 1])) == len(found)
    assert sum(found) == pytest.approx(best)
    counts = matching.lesions()
    assert len(counts.detected) == len(found)
    assert len(counts.detected) + len(counts.missed) == len(references)
    assert len(counts.detected) + len(counts.false) == len(predictions)


def row(text):
    return np.array([[int(letter) for letter in text]], dtype=bool)


def match_lesions(reference, prediction):
    return match_components(reference, prediction).lesions()


def test_one_prediction_over_two_lesions_detects_one_of_them():
    reference, prediction = row("1111011"), row("1111111")
    assert match_lesions(reference, prediction) == MatchedLesions(detected=(4,), missed=(2,), false=())


def test_two_predictions_in_one_lesion_are_a_hit_and_a_false_one():
    reference, prediction = row("1111111"), row("1111011")
    assert match_components(reference, prediction).lesions(pixel_size=0.5) == MatchedLesions((3.5,), (), (1.0,))


def test_overlap_of_exactly_a_tenth_matches():
    reference, prediction = row("1" * 10), row("1" + "0" * 9)
    assert match_lesions(reference, prediction).detected == (10,)
    assert match_lesions(row("1" * 11), row("1" + "0" * 10)).missed == (11,)


def test_touching_alone_is_not_enough():
    reference, prediction = row("1" * 11 + "0" * 11), row("0" * 10 + "1" * 12)
    assert match_lesions(reference, prediction) == MatchedLesions((), (11,), (12,))


def test_counts_add_up():
    empty, full = row("0000"), row("1101")
    assert match_lesions(empty, empty) == MatchedLesions()
    together = match_lesions(full, full) + match_lesions(full, empty) + match_lesions(empty, full)
    assert together == MatchedLesions((2, 1), (2, 1), (2, 1))
    assert (together.num_detected, together.num_missed, together.num_false) == (2, 2, 2)


@given(
    sizes=st.tuples(*3 * [st.lists(st.integers(1, 12).map(float), max_size=8).map(tuple)]),
    limits=st.lists(st.integers(1, 12), max_size=4, unique=True).map(sorted),
)
def test_classes_of_size_are_those_of_loops(sizes, limits):
    ends = [-math.inf, *limits, math.inf]
    expected = [
        MatchedLesions(*(tuple(size for size in of_kind if low <= size < high) for of_kind in sizes))
        for low, high in itertools.pairwise(ends)
    ]
    assert MatchedLesions(*sizes).by_size(limits) == expected


def test_classes_of_size_take_their_lower_limit_in():
    lesions = MatchedLesions(detected=(1.0, 2.0, 9.0), missed=(0.5, 5.0), false=(2.0,))
    assert lesions.by_size([2, 5]) == [
        MatchedLesions((1.0,), (0.5,), ()),
        MatchedLesions((2.0,), (), (2.0,)),
        MatchedLesions((9.0,), (5.0,), ()),
    ]
    assert sum(lesions.by_size([2, 5])[0].detected) == 1
