"""Paired differences as they are worded: whose favour they are in, and what few patients can show."""

import math
from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison import Interval
from nnunetv2_cipa.comparison.comparison import PairedDifference
from nnunetv2_cipa.comparison.difference_tables import COLUMNS, difference_notes, differences_of, pair_table
from nnunetv2_cipa.comparison.figures import findings
from nnunetv2_cipa.comparison.statistics import PairedTest
from nnunetv2_cipa.comparison.table import Cell
from nnunetv2_cipa.evaluation import MEASURES

TEST = PairedTest(p_value=0.0004, p_holm=0.0012, wins=25, losses=5, ties=10)


@pytest.fixture
def worded(comparison):
    """A function that words one difference of the two models."""

    def word(measure, low, high, test=TEST):
        pair = PairedDifference("CIPA", "U-Net", measure, Interval((low + high) / 2, low, high, 40), test)
        (difference,) = differences_of(replace(comparison, differences=(pair,)), MEASURES[measure])
        assert difference.pair is pair
        assert difference.measure is MEASURES[measure]
        return difference

    return word


@pytest.fixture
def of_patients(evaluation, model, comparison):
    """A function that makes a comparison of so many models, of so many patients."""

    def make(patients, models):
        cases = {f"{chr(97 + number)}_1": (5, number, 1, 50) for number in range(patients)}
        made = tuple(model(f"model {number}", evaluation(**cases)) for number in range(models))
        return replace(comparison, models=made, **vars(findings(made, comparison.settings)))

    return make


def test_a_clear_difference(worded):
    cells = worded("dice", 0.001, 0.0301).cells
    assert cells[0] == Cell("+1.55", "[+0.10, +3.01]", bold=True)
    assert [cell.text for cell in cells[1:]] == ["40", "25 / 10 / 5", "< 0.001", "0.001"]
    assert len(cells) == len(COLUMNS)


@pytest.mark.parametrize(
    ("measure", "low", "high", "better"),
    [
        ("dice", 0.1, 0.2, "CIPA"),
        ("dice", -0.2, -0.1, "U-Net"),
        ("hausdorff95", 1.0, 2.0, "U-Net"),
        ("hausdorff95", -2.0, -1.0, "CIPA"),
        ("volume_bias", 1.0, 2.0, "U-Net"),  # it is farther from 0
        ("volume_bias", -2.0, -1.0, "CIPA"),
        ("dice", -0.1, 0.2, ""),
        ("dice", 0.0, 0.2, ""),
        ("hausdorff95", -1.0, 0.0, ""),
        ("dice", math.nan, math.nan, ""),
    ],
)
def test_who_is_better(worded, measure, low, high, better):
    difference = worded(measure, low, high)
    assert difference.better == better
    assert difference.cells[0].bold == bool(better)


def test_without_a_test_there_are_dashes(worded):
    cells = worded("pooled_dice", -0.01, 0.02, test=None).cells
    assert cells == (Cell("+0.50", "[-1.00, +2.00]"), *[Cell("-")] * 4)


def test_where_no_patient_differs_there_is_no_p(worded):
    cells = worded("dice", 0.0, 0.0, PairedTest(math.nan, math.nan, 0, 0, 40)).cells
    assert [cell.text for cell in cells] == ["+0.00", "40", "0 / 40 / 0", "-", "-"]


def test_all_measures_of_a_pair(comparison, row):
    """Dice by hand: means over patients 86.29 % and 45.65 %, pooled 87.46 % and 62.96 %; CIPA better for all three."""
    table = pair_table(comparison, *comparison.models)
    assert table.title == "CIPA minus U-Net"
    assert [cell.text for cell in table.columns] == ["", *COLUMNS]
    assert len(table.rows) == len(comparison.means["CIPA"])
    dice, pooled = row(table, "Dice %"), row(table, "Pooled Dice %")
    assert [cell.text for cell in dice] == ["+40.64", "3", "3 / 0 / 0", "0.250", "0.250"]
    assert [cell.text for cell in pooled] == ["+24.50", *["-"] * 4]
    assert row(table, "FP volume pixels")[0] == Cell("+0.00", "[+0.00, +0.00]")
    assert table.notes == difference_notes(comparison)


def test_pairs_of_three_models(of_patients):
    found = differences_of(of_patients(2, models=3), MEASURES["dice"])
    pairs = [(difference.pair.first[-1], difference.pair.second[-1]) for difference in found]
    assert pairs == [("0", "1"), ("0", "2"), ("1", "2")]


class TestNotes:
    @pytest.mark.parametrize(
        ("patients", "models", "limits"),
        [
            (3, 2, "With 3 patients p cannot be smaller than 0.25, nor p (Holm) than 0.25:"),
            (6, 3, "With 6 patients p cannot be smaller than 0.0312, nor p (Holm) than 0.0938:"),
            (1, 3, "With 1 patient p cannot be smaller than 1, nor p (Holm) than 1:"),
        ],
    )
    def test_few_patients_are_said_to_be_few(self, of_patients, patients, models, limits):
        """The smallest p is 2 / 2^patients, times the number of pairs."""
        assert limits in difference_notes(of_patients(patients, models))[1]

    @pytest.mark.parametrize(("patients", "models", "pairs"), [(6, 2, 1), (7, 3, 3)])
    def test_enough_patients(self, of_patients, patients, models, pairs):
        notes = difference_notes(of_patients(patients, models))
        assert f"the number of pairs of models ({pairs})" in notes[0]
        assert not any("whatever the models are" in note for note in notes)

    def test_distances_from_0_are_explained_where_there_are_some(self, comparison):
        assert "best at 0" in difference_notes(comparison)[-1]
        means = {name: {"dice": figures["dice"]} for name, figures in comparison.means.items()}
        assert not any("best at 0" in note for note in difference_notes(replace(comparison, means=means)))
