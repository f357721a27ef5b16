"""Areas against the table of DeepMind's surface-distance, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surface_distance import lookup_tables

from nnunetv2_cipa.quantities.surface_pieces import areas_of_codes, corners


@given(spacing=st.tuples(*3 * [st.floats(0.1, 10)]))
@settings(max_examples=20, deadline=None)
def test_areas_are_those_of_marching_cubes(spacing):
    theirs = lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
    assert np.allclose(areas_of_codes(spacing), theirs, rtol=1e-9)
    lengths = lookup_tables.create_table_neighbour_code_to_contour_length(spacing[:2])
    assert np.allclose(areas_of_codes(spacing[:2]), lengths, rtol=1e-9)


def test_by_hand():
    lengths = areas_of_codes((3.0, 4.0))
    assert lengths[[0, 15]].tolist() == [0, 0]
    assert lengths[1] == 2.5  # one corner is cut off
    assert lengths[0b0110] == lengths[0b1001] == 5  # two opposite ones
    areas = areas_of_codes((2.0, 3.0, 4.0))
    below = sum(1 << bit for bit, corner in enumerate(corners(3)) if corner[0] == 0)
    assert areas[below] == areas[255 - below] == 12
    assert areas[1] == pytest.approx(np.linalg.norm([3, 2, 1.5]) / 2)  # half of the cross product of two sides
