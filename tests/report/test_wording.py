"""Numbers as people read them."""

import math

import pytest

from nnunetv2_cipa.comparison import Interval
from nnunetv2_cipa.report.wording import amount, shown, shown_difference, shown_p, shown_range, unit_shown

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7.0, "7"),
        (1234.5, "1,234"),
        (12.345, "12.3"),
        (0.01234, "0.0123"),
        (1e-6, "1e-06"),
        (math.nan, NOTHING),
    ],
)
def test_amounts(value, text):
    assert amount(value) == text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.81234, "fraction", "81.23"),
        (12.345, "length", "12.35"),
        (16759.6, "volume", "16,760"),
        (math.nan, "fraction", NOTHING),
    ],
)
def test_measures(value, kind, text):
    assert shown(value, kind) == text


def test_differences_have_a_sign_and_zero_no_minus():
    assert shown_difference(0.012, "fraction") == "+1.20"
    assert shown_difference(-0.012, "fraction") == f"{MINUS}1.20"
    assert shown_difference(-1e-9, "fraction") == "+0.00"


def test_ranges():
    assert shown_range(Interval(0.5, 0.4, 0.6, 9), "fraction") == "40.00 to 60.00"
    assert shown_range(Interval(0, -0.1, 0.1, 9), "length", signed=True) == f"{MINUS}0.10 to +0.10"
    assert shown_range(Interval(0.5, math.nan, math.nan, 1), "fraction") == ""


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.50"), (0.0123, "0.012"), (1e-9, "< 0.0001"), (1.0, "1.00"), (math.nan, NOTHING)]
)
def test_p_values(value, text):
    assert shown_p(value) == text


def test_units():
    assert [unit_shown(unit) for unit in ("", "mm", "mm2", "ml")] == ["%", "mm", "mm²", "ml"]
