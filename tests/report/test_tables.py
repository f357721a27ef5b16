"""The tables' words."""

import math
from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison import QUANTITIES, Interval, PairedDifference, PairedTest
from nnunetv2_cipa.report import tables
from nnunetv2_cipa.report.wording import NOTHING, shown, shown_difference

DICE, HD95 = QUANTITIES["dice"], QUANTITIES["hausdorff95"]


def with_difference(comparison, low, value, high, quantity="dice"):
    """The comparison with one difference only, of its first two models."""
    test = PairedTest(0.01, 0.03, 5, 1, 2)
    first, second = (model.name for model in comparison.models[:2])
    pair = PairedDifference(first, second, quantity, Interval(value, low, high, 8), test)
    return replace(comparison, differences=(pair,))


def test_figures_have_a_row_for_each_model_and_mark_the_best(comparison):
    rows = tables.figures(comparison, [DICE, HD95])
    assert [name for name, _ in rows] == [model.name for model in comparison.models]
    first = comparison.means["CIPA"]["dice"]
    assert rows[0][1][0].value == shown(first.value, "fraction") == "100.00"
    assert [[cell.is_best for cell in cells] for _, cells in rows] == [[True, True], [False, False], [False, False]]


def test_one_model_alone_is_not_the_best(make_comparison, tmp_path):
    alone = make_comparison(tmp_path, ["ada_1"], models=("only",))
    ((_, cells),) = tables.figures(alone, [DICE])
    assert not cells[0].is_best
    assert cells[0].range == ""
    assert tables.differences(alone) == []
    assert tables.headlines(alone) == []


def test_differences_have_a_table_for_each_quantity_the_main_one_first(comparison):
    found = tables.differences(comparison)
    assert next(table.quantity for table in found) == "dice"
    assert {table.quantity for table in found} == set(QUANTITIES)
    assert all(len(table.rows) == 3 for table in found)
    row = found[0].rows[0]
    pair = comparison.difference("CIPA", "U-Net", "dice")
    assert (row.first, row.second) == ("CIPA", "U-Net")
    assert row.difference == shown_difference(pair.difference.value, "fraction")
    assert row.wins == "3 / 0 / 0"
    pooled = next(table for table in found if table.quantity == "pooled_dice")
    assert (pooled.rows[0].wins, pooled.rows[0].p_value) == ("", NOTHING)


@pytest.mark.parametrize(
    ("quantity", "ends", "better"),
    [
        ("dice", (0.01, 0.05, 0.1), "CIPA"),
        ("dice", (-0.1, -0.05, -0.01), "U-Net"),
        ("dice", (-0.1, 0.0, 0.1), ""),
        ("hausdorff95", (1.0, 5.0, 10.0), "U-Net"),
        ("hausdorff95", (-10.0, -5.0, -1.0), "CIPA"),
        ("dice", (math.nan, 0.05, math.nan), ""),
    ],
)
def test_bars_go_to_the_right_where_the_first_model_is_better(comparison, quantity, ends, better):
    found = tables.differences(with_difference(comparison, *ends, quantity=quantity))
    (row,) = next(table for table in found if table.quantity == quantity).rows
    assert row.better == better
    if better:
        assert (row.forest.low > 50) == (better == "CIPA")
        assert row.forest.low < row.forest.value < row.forest.high
        assert max(abs(row.forest.low - 50), abs(row.forest.high - 50)) == pytest.approx(46)


def test_headlines_are_of_the_first_model_and_say_whether_the_interval_holds_zero(comparison):
    assert len(tables.headlines(comparison)) == 2
    (clear,) = tables.headlines(with_difference(comparison, 0.01, 0.05, 0.1))
    assert clear == "CIPA minus U-Net: +5.00 points (+1.00 to +10.00); the interval is on the side of CIPA."
    (unclear,) = tables.headlines(with_difference(comparison, -0.1, 0.05, 0.1))
    assert unclear.endswith("the interval holds 0: no clear difference.")


def test_without_an_interval_no_headline_claims_one(comparison):
    (only,) = tables.headlines(with_difference(comparison, math.nan, 0.05, math.nan))
    assert only == "CIPA minus U-Net: +5.00 points; too few patients for an interval."


def test_costs_are_those_measured(comparison):
    ((name, values),) = tables.costs(comparison)
    assert name == "CIPA"
    assert values == ("1.50", "2.0", "64 x 64", "0.25", "3", "cpu, 2 threads")


def test_published_figures_stay_as_printed(comparison):
    rows = dict(tables.published(comparison.published))
    assert rows["CIPA"] == ("63.81", "77.91", "89.01", "17.74", "76.18", "54.57")
    assert rows["nnU-Net"][-1] == NOTHING
