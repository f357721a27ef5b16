"""Border distances against medpy, which the published figures were made with."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from medpy.metric import binary as medpy

from nnunetv2_cipa.evaluation.surface_distances import slice_hausdorff95, surface_distances

SPACINGS = st.one_of(st.none(), st.tuples(*3 * [st.sampled_from([0.5, 0.977, 1.0, 3.27])]))


@given(data=st.data(), spacing=SPACINGS)
@settings(max_examples=120)
def test_agrees_with_medpy(masks, data, spacing):
    reference, prediction = data.draw(masks())
    assume(reference.any() and prediction.any())
    spacing = None if spacing is None else spacing[: reference.ndim]
    found = surface_distances(reference, prediction, spacing)
    assert found.hausdorff95 == pytest.approx(medpy.hd95(prediction, reference, spacing), abs=1e-9)
    assert found.average == pytest.approx(medpy.assd(prediction, reference, spacing), abs=1e-9)
    exchanged = surface_distances(prediction, reference, spacing)
    assert (exchanged.hausdorff95, exchanged.average) == pytest.approx((found.hausdorff95, found.average))


def test_agrees_with_medpy_on_lesions_far_apart():
    row, column = np.ogrid[:300, :400]
    reference = (row - 60) ** 2 + (column - 70) ** 2 < 30**2
    prediction = ((row - 65) ** 2 + (column - 72) ** 2 < 25**2) | ((row - 290) ** 2 + (column - 399) ** 2 < 20**2)
    found = surface_distances(reference, prediction, (0.8, 1.5))
    assert found.hausdorff95 == pytest.approx(medpy.hd95(prediction, reference, (0.8, 1.5)), rel=1e-12)
    assert found.average == pytest.approx(medpy.assd(prediction, reference, (0.8, 1.5)), rel=1e-12)


def test_by_hand():
    reference, prediction = np.zeros((2, 5, 9), dtype=bool)
    reference[2, 1], prediction[2, 5] = True, True
    found = surface_distances(reference, prediction, spacing=(10.0, 2.5))
    assert (found.hausdorff95, found.average) == (10.0, 10.0)


@pytest.mark.parametrize("spacing", [None, (1.0, 2.0)])
def test_undefined_where_a_mask_is_empty(spacing):
    empty, full = np.zeros((4, 4), dtype=bool), np.ones((4, 4), dtype=bool)
    for pair in ((empty, full), (full, empty), (empty, empty)):
        found = surface_distances(*pair, spacing)
        assert math.isnan(found.hausdorff95)
        assert math.isnan(found.average)


@given(data=st.data())
@settings(max_examples=60)
def test_slices_agree_with_medpy_and_the_published_rules(masks, data):
    """The published rule, written down again: both empty 0, an empty one gets the pixel in the centre."""
    reference, prediction = data.draw(masks(max_dims=2))
    found = slice_hausdorff95(reference, prediction)
    if not reference.any() and not prediction.any():
        assert found == 0
        return
    reference, prediction = reference.copy(), prediction.copy()
    for mask in (reference, prediction):
        if not mask.any():
            mask[mask.shape[0] // 2, mask.shape[1] // 2] = True
    assert found == pytest.approx(medpy.hd95(prediction, reference), abs=1e-9)


def test_centre_of_a_slice_of_pclt20k_is_the_published_pixel():
    reference = np.zeros((512, 512), dtype=bool)
    reference[256, 300] = True
    assert slice_hausdorff95(reference, np.zeros_like(reference)) == 44
    assert slice_hausdorff95(np.zeros_like(reference), reference) == 44


def test_masks_are_left_as_they_are():
    reference, prediction = np.zeros((2, 6, 6), dtype=bool)
    reference[0, 0] = True
    slice_hausdorff95(reference, prediction)
    assert (reference.sum(), prediction.sum()) == (1, 0)
