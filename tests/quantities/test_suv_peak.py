"""SUVpeak against loops over all voxels, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnunetv2_cipa.quantities.suv_peak import RADIUS, suv_peak


def by_loops(suv, voxels, spacing):
    """Distances from each centre to every voxel of the image."""
    positions = np.argwhere(np.ones(suv.shape, dtype=bool)) * spacing
    means = []
    for voxel in voxels:
        inside = np.sqrt(((positions - voxel * np.asarray(spacing)) ** 2).sum(axis=1)) <= 6.2035
        means.append(suv.ravel()[inside].mean())
    return max(means)


@given(data=st.data(), spacing=st.tuples(*3 * [st.floats(0.9, 9)]))
@settings(max_examples=60, deadline=None)
def test_agrees_with_loops_up_to_the_borders(data, spacing):
    shape = data.draw(st.tuples(*3 * [st.integers(1, 9)]))
    suv = data.draw(arrays(np.float32, shape, elements=st.floats(0, 50, width=32)))
    mask = data.draw(arrays(bool, shape))
    mask[data.draw(st.tuples(*[st.integers(0, length - 1) for length in shape]))] = True
    voxels = np.argwhere(mask)
    assert suv_peak(suv, voxels, spacing) == pytest.approx(by_loops(suv, voxels, spacing), rel=1e-6)


def test_the_sphere_has_one_cubic_centimetre():
    assert 4 / 3 * np.pi * RADIUS**3 == pytest.approx(1000)
    assert pytest.approx(6.204, abs=5e-4) == RADIUS


def test_a_sphere_of_4_mm_voxels_has_19_and_may_leave_the_lesion():
    suv = np.zeros((9, 9, 9))
    suv[4, 4, 4] = 19  # of the 27 around a centre, all but the 8 corners lie within 6.2 mm
    assert suv_peak(suv, np.array([[4, 4, 4]]), (4, 4, 4)) == pytest.approx(1)


def test_the_hottest_sphere_need_not_be_around_the_hottest_voxel():
    suv = np.zeros((5, 5, 15))
    suv[2, 2, 2] = 10
    suv[2, 2, 9:12] = 6
    assert suv_peak(suv, np.array([[2, 2, 2], [2, 2, 10]]), (4, 4, 4)) == pytest.approx(18 / 19)


def test_what_lies_beyond_the_image_does_not_count():
    assert suv_peak(np.full((3, 3, 3), 2.0), np.array([[0, 0, 0]]), (4, 4, 4)) == pytest.approx(2)


def test_voxels_larger_than_the_sphere_stand_alone():
    suv = np.arange(27.0).reshape(3, 3, 3)
    assert suv_peak(suv, np.array([[1, 1, 1]]), (10, 10, 10)) == 13
