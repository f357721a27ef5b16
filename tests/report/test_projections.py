"""Projections and lesions of small volumes, worked out by hand."""

import numpy as np

from nnunetv2_cipa.report.case_arrays import Grid
from nnunetv2_cipa.report.projections import lesions, project, projections

HEAD_LAST = Grid((5.0, 2.0, 1.0), (), is_head_last=True, has_size=True)
HEAD_FIRST = Grid((5.0, 2.0, 1.0), (), is_head_last=False, has_size=False)


def test_the_head_is_up():
    volume = np.arange(24).reshape(2, 3, 4)
    assert project(volume, 1, HEAD_LAST).tolist() == [[20, 21, 22, 23], [8, 9, 10, 11]]
    assert project(volume, 2, HEAD_FIRST).tolist() == [[3, 7, 11], [15, 19, 23]]


def test_views_and_outlines():
    mask = np.zeros((2, 3, 4), dtype=bool)
    mask[1, 0, 2] = True
    coronal, sagittal = projections(mask.shape, HEAD_LAST, [[mask, ~mask[:]], [mask & False, mask]])
    assert (coronal["title"], coronal["width"], coronal["height"], coronal["pixel"]) == ("Coronal", 4, 2, 5.0)
    assert (sagittal["title"], sagittal["width"], sagittal["height"], sagittal["pixel"]) == ("Sagittal", 3, 2, 2.5)
    assert coronal["outlines"] == [["M2 0h1v1h-1z", "M0 0h4v2h-4z"], ["", "M2 0h1v1h-1z"]]
    assert sagittal["outlines"][0][0] == "M0 0h1v1h-1z"


def test_lesions_of_the_reference_come_first_the_largest_at_their_head():
    reference, prediction, other = np.zeros((3, 4, 10, 10), dtype=bool)
    reference[0, 0, 0] = True
    reference[1:4, 4:6, 4:6] = True
    reference[2, 6, 4:6] = True
    prediction[3, 4, 4] = True
    prediction[0, 9, 7:10] = True
    other[0, 0, 0:2] = True
    found = lesions([reference, prediction, other], HEAD_LAST)
    assert found == [
        {"size": 0.14, "number": 2, "x": 5.0, "y": 5.5, "found": [True, False]},
        {"size": 0.01, "number": 0, "x": 0.5, "y": 0.5, "found": [False, True]},
        {"size": 0.03, "number": 0, "x": 8.5, "y": 9.5, "found": 0},
    ]
    assert lesions([reference, prediction, other], HEAD_FIRST)[0]["size"] == 14
    assert lesions([reference & False] * 2, HEAD_LAST) == []


def test_corners_do_not_join_lesions_but_edges_do():
    mask = np.zeros((2, 3, 3), dtype=bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert len(lesions([mask], HEAD_LAST)) == 2
    mask[0, 1, 0] = True
    assert len(lesions([mask], HEAD_LAST)) == 1
