"""Trust as tables and JSON, of cases made by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from nnunetv2_cipa import __version__
from nnunetv2_cipa.trust.calibration import reliabilities
from nnunetv2_cipa.trust.trust_files import content, curve_of, least_trusted_first, rows
from nnunetv2_cipa.trust.trusted_case import Judged, TrustedCase


def case(name, *agreement, entropy=0.5, dice=None):
    """A case of tumours and nodes, or of tumours alone; if judged, two of its four pixels are foreground."""
    judged = None
    if dice is not None:
        values = np.array([0.0, 0.001, 0.5, 1.0])
        judged = Judged(dict(zip(("tumour", "node"), dice, strict=False)), reliabilities(values, values >= 0.5))
    return TrustedCase(name, dict(zip(("tumour", "node"), agreement, strict=False)), entropy, 7, judged)


class TestOrder:
    def test_the_least_agreement_comes_first_in_the_mean_over_classes(self):
        cases = [case("a", 0.9, 0.5), case("b", 0.2, 0.8), case("c", 1.0, 0.9)]
        assert [one.identifier for one in least_trusted_first(cases)] == ["b", "a", "c"]

    def test_of_the_same_agreement_the_less_certain_ones(self):
        entropies = {"sure": 0.1, "nothing": math.nan, "doubtful": 0.9, "between": 0.4}
        cases = [case(name, 1.0, entropy=entropy) for name, entropy in entropies.items()]
        found = [one.identifier for one in least_trusted_first(cases)]
        assert found == ["doubtful", "between", "sure", "nothing"]

    def test_of_the_same_in_all_the_order_given(self):
        assert [one.identifier for one in least_trusted_first([case("b", 1.0), case("a", 1.0)])] == ["b", "a"]


class TestCurve:
    def test_by_hand(self):
        """In the order of trust the risks are 0, 0.5 and 0.25; the last mean is that of all."""
        cases = [case("a", 0.9, dice=(0.5,)), case("b", 0.5, dice=(0.75,)), case("c", 1.0, dice=(1.0,))]
        curve = curve_of(cases)
        assert curve.coverage == pytest.approx([1 / 3, 2 / 3, 1])
        assert curve.risk == pytest.approx([0, 0.25, 0.25])
        assert curve.optimal == pytest.approx([0, 0.125, 0.25])

    def test_none_without_references(self):
        assert curve_of([case("a", 0.9), case("b", 0.5)]) is None


class TestContent:
    def test_without_references(self):
        cases = [case("a", 1.0, 0.5), case("b", 1.0, 0.0, entropy=math.nan)]
        found = content(cases, members=[Path("one"), Path("two")], temperature=1.5, highest_entropy=1.0)
        assert json.loads(json.dumps(found, allow_nan=False)) == {
            "nnunetv2_cipa": __version__,
            "members": ["one", "two"],
            "temperature": 1.5,
            "highest_entropy_bits": 1.0,
            "cases": [
                {
                    "case": "b",
                    "score": 0.5,
                    "agreement": {"tumour": 1.0, "node": 0.0},
                    "entropy_bits": None,
                    "foreground_pixels": 7,
                },
                {
                    "case": "a",
                    "score": 0.75,
                    "agreement": {"tumour": 1.0, "node": 0.5},
                    "entropy_bits": 0.5,
                    "foreground_pixels": 7,
                },
            ],
        }

    def test_with_references(self):
        """Of 4 pixels of each case the third is half wrong: an error of 0.5 of 4, and of 0.5 of 2."""
        cases = [case("a", 0.5, dice=(0.5, 1.0)), case("b", 1.0, dice=(1.0, 1.0))]
        found = content(cases, members=[], temperature=1.0, highest_entropy=1.0)
        found = json.loads(json.dumps(found, allow_nan=False))
        assert [one["mean_dice"] for one in found["cases"]] == [0.75, 1.0]
        assert found["cases"][0]["dice"] == {"tumour": 0.5, "node": 1.0}
        everywhere, relevant = (found["calibration"][name] for name in ("all_pixels", "foreground_from_1_percent"))
        assert everywhere["expected_calibration_error"] == pytest.approx((0.5 + 0.001) / 4)
        assert relevant["expected_calibration_error"] == pytest.approx(0.5 / 2)
        assert [one["pixels"] for one in everywhere["bins"]] == [4, *[0] * 6, 2, *[0] * 6, 2]
        assert everywhere["bins"][7] == {"pixels": 2, "mean_probability": 0.5, "foreground": 1.0}
        assert relevant["bins"][0] == {"pixels": 0, "mean_probability": None, "foreground": None}
        assert found["risk_coverage"] == {
            "coverage": [0.5, 1.0],
            "risk": [0.0, 0.125],
            "optimal": [0.0, 0.125],
            "area": 0.0625,
            "optimal_area": 0.0625,
            "random_area": 0.125,
        }


def test_a_line_for_each_case_with_a_column_for_each_class():
    found = rows([case("a", 1.0, 1.0, dice=(0.5, 1.0)), case("b", 0.0, 1.0, entropy=math.nan, dice=(1.0, 0.0))])
    assert [row["case"] for row in found] == ["b", "a"]
    assert found[0] == {
        "case": "b",
        "score": 0.5,
        "agreement_tumour": 0.0,
        "agreement_node": 1.0,
        "entropy_bits": None,
        "foreground_pixels": 7,
        "dice_tumour": 1.0,
        "dice_node": 0.0,
        "mean_dice": 0.5,
    }
    assert list(found[1]) == list(found[0])
