"""Connected components, against a plain loop over cc3d's, as autoPET's evaluation uses them."""

import cc3d
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.evaluation.lesions import Lesions, lesions


def by_loops(mask, other):
    """Number of touched components, number of untouched ones, pixels of the latter."""
    components = cc3d.connected_components(mask.astype(np.uint8), connectivity=8 if mask.ndim == 2 else 18)
    sizes = {False: [], True: []}
    for label in range(1, components.max() + 1):
        component = components == label
        sizes[bool((component & other).any())].append(int(component.sum()))
    return len(sizes[True]), len(sizes[False]), sum(sizes[False])


@given(data=st.data())
@settings(max_examples=120)
def test_agrees_with_loops_over_cc3d(masks, data):
    reference, prediction = data.draw(masks())
    detected, missed, missed_pixels = by_loops(reference, prediction)
    _, false, false_pixels = by_loops(prediction, reference)
    assert lesions(reference, prediction) == Lesions(detected, missed, false, missed_pixels, false_pixels)


def test_by_hand():
    reference = np.array([[1, 0, 0, 0, 1, 1], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=bool)
    prediction = np.array([[0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]], dtype=bool)
    found = lesions(reference, prediction)
    assert found == Lesions(detected=1, missed=1, false=1, missed_pixels=2, false_pixels=3)
    assert (found + found).missed_pixels == 4


def test_voxels_that_share_a_corner_only_are_two_lesions():
    mask = np.zeros((2, 2, 2), dtype=bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert lesions(mask, mask).detected == 2
    assert lesions(mask[0] | mask[1], mask[0] | mask[1]).detected == 1
