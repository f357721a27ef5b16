"""Numbers as people read them."""

import math

import pytest

from nnunetv2_cipa.evaluation import MEASURES
from nnunetv2_cipa.evaluation.cases import Units
from nnunetv2_cipa.evaluation.wording import UNDEFINED, amount, heading, shown, shown_interval, shown_p


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7.0, "7"),
        (1234.5, "1,234"),
        (12.345, "12.3"),
        (0.01234, "0.0123"),
        (1e-6, "1e-06"),
        (math.nan, UNDEFINED),
    ],
)
def test_amounts(value, text):
    assert amount(value) == text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.81234, "fraction", "81.23"),
        (12.346, "length", "12.35"),
        (16759.6, "volume", "16,760"),
        (999.999, "pixels", "1,000"),
        (-0.001, "length", "0.00"),
        (math.nan, "fraction", UNDEFINED),
    ],
)
def test_measures(value, kind, text):
    assert shown(value, kind) == text


def test_differences_have_a_sign_and_zero_no_minus():
    assert shown(0.012, "fraction", signed=True) == "+1.20"
    assert shown(-0.012, "fraction", signed=True) == "-1.20"
    assert shown(-1e-9, "fraction", signed=True) == "+0.00"


def test_intervals():
    assert shown_interval(0.4, 0.6, "fraction") == "[40.00, 60.00]"
    assert shown_interval(-0.1, 0.1, "length", signed=True) == "[-0.10, +0.10]"
    assert shown_interval(math.nan, math.nan, "fraction") == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500"), (0.0123, "0.012"), (0.001, "0.001"), (9e-4, "< 0.001"), (1.0, "1.000"), (math.nan, UNDEFINED)],
)
def test_p_values(value, text):
    assert shown_p(value) == text


def test_headings_have_units():
    area, volume = Units("mm", "mm2"), Units("mm", "ml")
    assert heading(MEASURES["dice"], area) == "Dice %"
    assert heading(MEASURES["hausdorff95"], area) == "HD95 mm"
    assert heading(MEASURES["false_positive_volume"], area) == "FP volume mm²"
    assert heading(MEASURES["false_positive_volume"], volume) == "FP volume ml"
    assert heading(MEASURES["pooled_hausdorff95"], volume) == "HD95 pixels"
