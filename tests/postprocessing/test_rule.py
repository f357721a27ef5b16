"""Rules applied to probabilities, by hand."""

import json

import numpy as np
import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Classes
from nnunetv2_cipa.postprocessing.rule import Rule, read_rule

FOREGROUND = np.array([[[0.9, 0.6, 0.0, 0.4, 0.0, 0.7]]], dtype=np.float32)


def shown(rule, pixel_size=1.0):
    return "".join(str(int(pixel)) for pixel in rule.mask(FOREGROUND, pixel_size).ravel())


def test_threshold_smallest_lesion_and_gate_in_this_order():
    assert shown(Rule()) == "110001"
    assert shown(Rule(threshold=0.4)) == "110101"
    assert shown(Rule(threshold=0.6)) == "110001"  # the threshold itself is foreground
    assert shown(Rule(smallest_lesion=2)) == "110000"
    assert shown(Rule(no_tumour_below=3)) == "110001"
    assert shown(Rule(no_tumour_below=3.1)) == "000000"
    assert shown(Rule(smallest_lesion=2, no_tumour_below=3)) == "000000"


def test_sizes_are_in_the_pixels_unit():
    assert shown(Rule(smallest_lesion=0.5, unit="ml"), pixel_size=0.3) == "110000"
    assert shown(Rule(no_tumour_below=0.5, unit="ml"), pixel_size=0.1) == "000000"


def test_the_label_of_a_foreground_pixel_is_the_most_probable_one():
    classes = Classes({"background": 0, "a": 1, "b": 2}, None, ".png")
    probabilities = np.array([[0.6, 0.6, 0.9], [0.3, 0.1, 0.1], [0.1, 0.3, 0.0]], dtype=np.float32)[:, None, None]
    assert Rule(threshold=0.35).segmentation(probabilities, classes, 1).ravel().tolist() == [1, 2, 0]
    assert Rule().segmentation(probabilities, classes, 1).ravel().tolist() == [0, 0, 0]


def test_regions_are_those_that_reach_the_threshold():
    classes = Classes({"background": 0, "whole": (1, 2), "core": (2,)}, (1, 2), ".png")
    probabilities = np.array([[0.45, 0.9, 0.1], [0.1, 0.45, 0.1]], dtype=np.float32)[:, None, None]
    assert Rule(threshold=0.4).segmentation(probabilities, classes, 1).ravel().tolist() == [1, 2, 0]
    assert Rule().segmentation(probabilities, classes, 1).ravel().tolist() == [0, 1, 0]


def test_what_is_no_rule_is_refused(tmp_path):
    file = tmp_path / "rule.json"
    good = {"threshold": 0.4, "smallest_lesion": 2.0, "no_tumour_below": 0.0, "unit": "ml"}
    file.write_text(json.dumps({"rule": good}))
    assert read_rule(file) == Rule(0.4, 2.0, 0.0, "ml")
    for content in ("no json", "{}", "[]", json.dumps({"rule": {"threshold": 0.5}})):
        file.write_text(content)
        with pytest.raises(InputError, match="determine_postprocessing"):
            read_rule(file)
    file.write_text(json.dumps({"rule": {**good, "threshold": 1.5}}))
    with pytest.raises(InputError, match="without sense"):
        read_rule(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_rule(tmp_path / "none.json")
