"""Counts from tables against those of the masks themselves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnunetv2_cipa.evaluation.lesions import lesions
from nnunetv2_cipa.evaluation.overlap import overlap
from nnunetv2_cipa.postprocessing.component_table import component_tables
from nnunetv2_cipa.postprocessing.rule import Rule


@given(data=st.data(), smallest=st.integers(0, 5))
@settings(max_examples=120, deadline=None)
def test_counts_are_those_of_the_mask_that_the_rule_makes(data, smallest):
    shape = data.draw(array_shapes(min_dims=3, max_dims=3, max_side=6))
    reference = data.draw(arrays(bool, shape))
    foreground = data.draw(arrays(np.float32, shape, elements=st.sampled_from([0.1, 0.35, 0.5, 0.8])))
    everything = np.ones(shape, dtype=bool)
    thresholds = (0.3, 0.5, 0.7)
    tables = component_tables(reference, foreground, everything, thresholds)
    for threshold, table in zip(thresholds, tables, strict=True):
        mask = Rule(threshold, smallest).mask(foreground, 1)
        assert table.counts(table.sizes >= smallest) == (overlap(reference, mask), lesions(reference, mask))


def test_ignored_pixels_do_not_count():
    reference = np.array([[[1, 1, 0, 0, 1]]], dtype=bool)
    counted = np.array([[[1, 1, 1, 1, 0]]], dtype=bool)
    (table,) = component_tables(reference, np.ones(reference.shape), counted, [0.5])
    found, _ = table.counts(np.array([True]))
    assert (found.true_positives, found.false_positives, found.false_negatives, found.true_negatives) == (2, 2, 0, 0)
