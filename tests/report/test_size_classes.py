"""Classes by size: every case is in exactly one, and sizes do not overlap."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.report.size_classes import size_classes


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_every_case_is_in_one_class_and_classes_ascend(sizes):
    classes = size_classes(sizes, "ml")
    assert sorted(case for group in classes for case in group.cases) == list(range(len(sizes)))
    ranges = [(min(of), max(of)) for of in ([sizes[case] for case in group.cases] for group in classes)]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))
    assert [group.title for group in classes if not group.has_tumour] == ["no tumour"] * (0 in sizes)


def test_thirds_and_their_ranges():
    small, medium, large = size_classes([10, 20, 30, 1000, 2000, 3000], "pixels")
    assert [group.cases for group in (small, medium, large)] == [(0, 1), (2, 3), (4, 5)]
    assert small.range == "10 to 20 pixels"
    assert large.range == "2,000 to 3,000 pixels"


def test_a_size_on_the_border_of_a_third_belongs_to_the_smaller_ones():
    small, medium, large = size_classes([10, 20, 30, 40], "pixels")
    assert [group.cases for group in (small, medium, large)] == [(0, 1), (2,), (3,)]


def test_thirds_are_of_cases_with_tumour_only():
    empty, *others = size_classes([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "ml")
    assert empty.cases == tuple(range(6))
    assert [len(group.cases) for group in others] == [3, 3, 3]


def test_equal_sizes_stay_together():
    (only,) = size_classes([5, 5, 5, 5], "ml")
    assert only.cases == (0, 1, 2, 3)
