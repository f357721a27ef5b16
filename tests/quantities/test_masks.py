"""Components against cc3d's."""

import cc3d
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnunetv2_cipa.quantities.masks import bounding_box, components


@given(mask=arrays(bool, array_shapes(min_dims=2, max_dims=3, max_side=8), elements=st.booleans()))
@settings(max_examples=150, deadline=None)
def test_components_are_those_of_cc3d(mask):
    numbers, number = components(mask)
    expected = cc3d.connected_components(mask.astype(np.uint8), connectivity=8 if mask.ndim == 2 else 18)
    assert number == expected.max()
    assert ((numbers > 0) == mask).all()
    pairs = set(zip(numbers[mask].tolist(), expected[mask].tolist(), strict=True))
    assert len(pairs) == number


@given(mask=arrays(bool, array_shapes(min_dims=2, max_dims=3, max_side=8)).filter(np.any))
def test_bounding_box_holds_the_first_and_the_last_of_each_axis(mask):
    places = np.argwhere(mask)
    ends = zip(places.min(axis=0), places.max(axis=0), strict=True)
    assert bounding_box(mask) == tuple(slice(low, high + 1) for low, high in ends)


def test_bounding_box():
    mask = np.zeros((5, 6), dtype=bool)
    mask[1, 4:6] = True
    assert bounding_box(mask) == (slice(1, 2), slice(4, 6))
    volume = np.zeros((6, 7, 5), dtype=bool)
    volume[1, 4, 2] = volume[3, 5, 2] = True
    assert bounding_box(volume) == (slice(1, 4), slice(4, 6), slice(2, 3))
