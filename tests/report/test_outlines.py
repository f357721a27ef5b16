"""Outlines against masks drawn again from them."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from nnunetv2_cipa.report.outlines import outline


def drawn_again(path, shape):
    """Even-odd filling: a pixel is inside if an odd number of vertical sides is left of it."""
    sides = np.zeros((shape[0], shape[1] + 1), dtype=int)
    for closed in re.findall(r"M(\d+) (\d+)([^M]*)z", path):
        x, y = int(closed[0]), int(closed[1])
        points = [(x, y)]
        for letter, step in re.findall(r"([hv])(-?\d+)", closed[2]):
            x, y = (x + int(step), y) if letter == "h" else (x, y + int(step))
            points.append((x, y))
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            assert (x0 == x1) != (y0 == y1)
            if x0 == x1:
                sides[min(y0, y1) : max(y0, y1), x0] += 1
    return np.cumsum(sides, axis=1)[:, :-1] % 2 == 1


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_filling_an_outline_gives_the_mask(mask):
    assert np.array_equal(drawn_again(outline(mask), mask.shape), mask)


@given(st.data())
def test_borders_never_cross_and_meet_in_corners_only_apart(data):
    mask = data.draw(arrays(bool, (6, 6)))
    turns = re.sub(r"[^hvMz]", "", outline(mask))
    assert "hh" not in turns
    assert "vv" not in turns


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_pixels_that_share_only_a_corner_are_outlined_apart(mask):
    """A path for each component by faces, and one for each hole, whose pixels join by corners too."""
    _, components = ndimage.label(mask)
    _, around = ndimage.label(np.pad(~mask, 1, constant_values=True), np.ones((3, 3)))
    assert outline(mask).count("M") == components + around - 1


@pytest.mark.parametrize(
    ("mask", "path"),
    [
        ([[0, 0]], ""),
        ([[1]], "M0 0h1v1h-1z"),
        ([[0, 1, 1]], "M1 0h2v1h-2z"),
        ([[1, 0], [0, 1]], "M0 0h1v1h-1zM1 1h1v1h-1z"),
        ([[0, 1], [1, 0]], "M1 0h1v1h-1zM0 1h1v1h-1z"),
    ],
)
def test_known_outlines(mask, path):
    assert outline(np.array(mask, dtype=bool)) == path
