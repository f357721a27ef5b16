"""Surface Dice against DeepMind's surface-distance, and by hand."""

import math

import numpy as np
import pytest
import surface_distance
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnunetv2_cipa.quantities.surface_dice import SurfaceAgreement, surface_agreement


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_agrees_with_surface_distance(data):
    shape = data.draw(array_shapes(min_dims=2, max_dims=3, max_side=8))
    reference, prediction = (data.draw(arrays(bool, shape)) for _ in "rp")
    spacing = data.draw(st.tuples(*len(shape) * [st.floats(0.3, 5)]))
    tolerance = data.draw(st.floats(0, 6))
    found = surface_agreement(reference, prediction, tolerance, spacing)
    if not (reference.any() and prediction.any()):
        assert found.dice == 0 or math.isnan(found.dice)
        return
    distances = surface_distance.compute_surface_distances(reference, prediction, spacing)
    expected = surface_distance.compute_surface_dice_at_tolerance(distances, tolerance)
    assert found.dice == pytest.approx(expected)
    areas = distances["surfel_areas_gt"].sum() + distances["surfel_areas_pred"].sum()
    assert found.total == pytest.approx(areas)


def test_by_hand_in_pixels():
    reference, prediction = np.zeros((2, 12, 12), dtype=bool)
    reference[3:7, 3:7] = True
    prediction[3:7, 4:8] = True
    contour = 4 * 3 + 4 * math.sqrt(0.5)
    assert surface_agreement(reference, prediction, 1).total == pytest.approx(2 * contour)
    assert surface_agreement(reference, prediction, 1).dice == 1  # a distance of exactly one pixel agrees
    apart = surface_agreement(reference, prediction, 0.99)
    assert apart.dice == pytest.approx(0.5)  # of each horizontal side 3 pixels and a corner lie on the other one
    assert (apart + apart).dice == pytest.approx(apart.dice)


def test_tolerance_in_mm_takes_rounding_in():
    reference, prediction = np.zeros((2, 12, 12), dtype=bool)
    reference[3:7, 3:7] = True
    prediction[6:10, 7:11] = True
    # the two nearest corners are 3 pixels of 0.1 mm apart along one axis
    assert (
        surface_agreement(reference, prediction, 0.3, (0.1, 0.1)).dice
        > surface_agreement(reference, prediction, 0.299, (0.1, 0.1)).dice
    )


def test_empty_masks():
    empty, full = np.zeros((3, 3), dtype=bool), np.ones((3, 3), dtype=bool)
    assert math.isnan(surface_agreement(empty, empty, 1).dice)
    assert surface_agreement(empty, full, 1).dice == surface_agreement(full, empty, 1).dice == 0
    assert math.isnan(SurfaceAgreement().dice)
