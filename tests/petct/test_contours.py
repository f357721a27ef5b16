import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.contours import Contour, filled, inside_polygon


def grid(depth=9):
    image = sitk.Image(40, 30, depth, sitk.sitkUInt8)
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin((-20.0, -30.0, 100.0))
    return image


def square(low, high, number, kind="CLOSED_PLANAR"):
    """Corners at pixel indices between voxel centres, in patient coordinates."""
    corners = [(low, low), (high, low), (high, high), (low, high)]
    points = [(-20.0 + column, -30.0 + 2 * row, 100.0 + 3 * number) for column, row in corners]
    return Contour(kind, np.array(points))


def test_a_square_has_the_voxels_whose_centre_is_inside():
    inside = filled([square(4.5, 9.5, 2)], grid(), "ROI")
    expected = np.zeros((9, 30, 40), bool)
    expected[2, 5:10, 5:10] = True
    assert np.array_equal(inside, expected)


def test_holes_stay_holes():
    inside = filled([square(4.5, 15.5, 2), square(7.5, 10.5, 2)], grid(), "ROI")
    assert inside[2].sum() == 11**2 - 3**2
    keyhole = np.vstack(
        [
            square(4.5, 15.5, 2).points,
            square(4.5, 15.5, 2).points[:1],
            square(7.5, 10.5, 2).points,
            square(7.5, 10.5, 2).points[:1],
        ]
    )
    assert filled([Contour("CLOSED_PLANAR", keyhole)], grid(), "ROI")[2].sum() == 11**2 - 3**2


def test_contours_on_every_second_slice_hold_between():
    contours = [square(4.5, 9.5, 2), square(4.5, 9.5, 4), square(4.5, 9.5, 6)]
    assert filled(contours, grid(), "ROI").any(axis=(1, 2)).tolist() == [False] * 2 + [True] * 5 + [False] * 2


def test_separate_lesions_stay_apart():
    contours = [square(4.5, 9.5, number) for number in (0, 1, 7, 8)]
    assert filled(contours, grid(), "ROI").any(axis=(1, 2)).tolist() == [True] * 2 + [False] * 5 + [True] * 2


def test_contours_beside_the_slices_are_refused():
    filled([square(4.5, 9.5, -0.4)], grid(), "ROI")
    with pytest.raises(InputError, match="no slice"):
        filled([square(4.5, 9.5, -0.7)], grid(), "ROI")


def test_only_closed_contours_are_filled():
    with pytest.raises(InputError, match="OPEN_PLANAR"):
        filled([square(4.5, 9.5, 2, "OPEN_PLANAR")], grid(), "ROI")
    assert not filled([square(4.5, 9.5, 2, "POINT")], grid(), "ROI").any()


@given(st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 25)), min_size=3, max_size=3))
def test_triangles_agree_with_the_signs_of_their_sides(points):
    corners = np.array(points)
    rows, columns = np.mgrid[:20, :20]
    centres = np.stack([columns, rows], axis=-1)
    sides = [
        (end - start)[0] * (centres - start)[..., 1] - (end - start)[1] * (centres - start)[..., 0]
        for start, end in zip(corners, np.roll(corners, -1, 0), strict=True)
    ]
    clear = np.min(np.abs(sides), axis=0) > 1e-6
    expected = (np.min(sides, axis=0) > 0) | (np.max(sides, axis=0) < 0)
    assert np.array_equal(inside_polygon(corners, 20, 20)[clear], expected[clear])
