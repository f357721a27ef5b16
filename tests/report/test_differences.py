"""Differences as the page draws them."""

import math
from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison import Interval, PairedDifference, PairedTest
from nnunetv2_cipa.evaluation import MEASURES
from nnunetv2_cipa.evaluation.measures import LEVELS
from nnunetv2_cipa.report.differences import difference_tables, headlines


def with_difference(comparison, low, value, high, measure="dice"):
    """The comparison with one difference only, of its first two models."""
    test = PairedTest(0.01, 0.03, 5, 1, 2)
    first, second = (model.name for model in comparison.models[:2])
    pair = PairedDifference(first, second, measure, Interval(value, low, high, 8), test)
    return replace(comparison, differences=(pair,))


def test_one_model_alone_has_no_differences(make_comparison, tmp_path):
    alone = make_comparison(tmp_path, ["ada_1"], models=("only",))
    assert difference_tables(alone) == []
    assert headlines(alone) == []


def test_there_is_a_table_for_each_measure_the_main_one_first(comparison):
    found = difference_tables(comparison)
    assert found[0].measure == "dice"
    assert {table.measure for table in found} == {measure.name for measure in comparison.measures(*LEVELS)}
    assert all(len(table.rows) == 3 for table in found)
    row, _ = found[0].rows[0]
    pair = comparison.difference("CIPA", "U-Net", "dice")
    assert (row.pair, row.measure) == (pair, MEASURES["dice"])
    assert [cell.text for cell in row.cells[1:3]] == ["3", "3 / 0 / 0"]
    assert {table.title for table in found} >= {"Dice, pooled", "Dice, mean over patients"}


@pytest.mark.parametrize(
    ("measure", "ends", "better"),
    [
        ("dice", (0.01, 0.05, 0.1), "CIPA"),
        ("dice", (-0.1, -0.05, -0.01), "U-Net"),
        ("dice", (-0.1, 0.0, 0.1), ""),
        ("hausdorff95", (1.0, 5.0, 10.0), "U-Net"),
        ("hausdorff95", (-10.0, -5.0, -1.0), "CIPA"),
        ("dice", (math.nan, 0.05, math.nan), ""),
    ],
)
def test_bars_go_to_the_right_where_the_first_model_is_better(comparison, measure, ends, better):
    found = difference_tables(with_difference(comparison, *ends, measure=measure))
    ((row, forest),) = next(table for table in found if table.measure == measure).rows
    assert row.better == better
    if better:
        assert (forest.low > 50) == (better == "CIPA")
        assert forest.low < forest.value < forest.high
        assert max(abs(forest.low - 50), abs(forest.high - 50)) == pytest.approx(46)


def test_headlines_are_of_the_first_model_and_say_whether_the_interval_holds_zero(comparison):
    assert len(headlines(comparison)) == 2
    (clear,) = headlines(with_difference(comparison, 0.01, 0.05, 0.1))
    assert clear == "CIPA minus U-Net: +5.00 points [+1.00, +10.00]; the interval is on the side of CIPA."
    (unclear,) = headlines(with_difference(comparison, -0.1, 0.05, 0.1))
    assert unclear.endswith("the interval holds 0: no clear difference.")


def test_without_an_interval_no_headline_claims_one(comparison):
    (only,) = headlines(with_difference(comparison, math.nan, 0.05, math.nan))
    assert only == "CIPA minus U-Net: +5.00 points; too few patients for an interval."
