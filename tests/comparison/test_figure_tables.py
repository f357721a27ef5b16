"""Tables of figures: what is in them by hand, which is best, lesions by size, runs."""

import math
from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison import Interval
from nnunetv2_cipa.comparison.figure_tables import (
    figure_table,
    free_response_table,
    full_heading,
    lesion_table,
    run_table,
)
from nnunetv2_cipa.comparison.figures import findings
from nnunetv2_cipa.comparison.table import Cell, model_columns
from nnunetv2_cipa.evaluation import MEASURES, Measure
from nnunetv2_cipa.quantities.lesion_matching import MatchedLesions


@pytest.fixture
def compared(comparison):
    """A function that makes a comparison of these models."""
    return lambda *models: replace(comparison, models=models, **vars(findings(models, comparison.settings)))


@pytest.fixture
def with_lesions(evaluation, model, comparison):
    """A function that makes a comparison of one model with runs of these lesions: detected, missed and false."""

    def make(*runs):
        evaluated = evaluation(a_1=(5, 1, 1, 50))
        (case,) = evaluated.cases
        made = [replace(evaluated, cases=(replace(case, matches=MatchedLesions(*lesions)),)) for lesions in runs]
        return replace(comparison, models=(model("only", *made),))

    return make


class TestFigures:
    def test_means_over_patients_by_hand(self, comparison, row):
        """CIPA's Dice: (34/36 + 30/35) / 2, (10/11 + 8/10) / 2 and (8/12 + 1) / 2; U-Net's: 26/37, 0 and 8/12."""
        table = figure_table(comparison, "patient")
        interval = comparison.means["CIPA"]["dice"]
        ours, theirs = row(table, "Dice %")
        assert ours == Cell("86.29", f"[{100 * interval.low:.2f}, {100 * interval.high:.2f}]", bold=True)
        assert (theirs.text, theirs.bold) == ("45.65", False)
        assert row(table, "FP volume pixels") == (Cell("0.00", "[0.00, 0.00]", bold=True),) * 2
        ours, theirs = row(table, "HD95 pixels")
        assert theirs == Cell("1.75", "[1.00, 2.50] (n = 2)")
        assert ours.whole.startswith("1.50 [1.00, ")
        assert ours.bold

    def test_pooled_by_hand(self, comparison, row):
        """CIPA's Dice: the mean of 52/59 and 46/53; U-Net's: 34/54."""
        table = figure_table(comparison, "pooled")
        assert table.title == "PCLT20K protocol"
        assert table.columns == model_columns("CIPA", "U-Net")
        assert [cell.text for cell in row(table, "Dice %")] == ["87.46", "62.96"]
        assert len(table.rows) == 4

    def test_notes_of_several_models(self, comparison):
        pooled, patient = (figure_table(comparison, level).notes for level in ("pooled", "patient"))
        assert pooled[0].startswith("Pixels of all cases pooled")
        assert patient[0].startswith("n: number of patients")
        assert pooled[1:] == patient[1:] == ("The best figure is bold, whether or not the difference is clear.",)

    def test_a_single_model_is_not_the_best(self, compared, two_of_two, model):
        table = figure_table(compared(model("only", two_of_two)), "patient")
        assert not any(cell.bold for cells in table.rows for cell in cells)
        assert len(table.notes) == 1

    def test_one_patient_has_no_intervals(self, compared, evaluation, model, row):
        made = compared(*(model(name, evaluation(a_1=(1, number, 1, 9))) for number, name in enumerate("xy", start=1)))
        table = figure_table(made, "patient")
        assert "neither intervals nor tests are possible" in table.notes[-1]
        assert row(table, "Dice %") == (Cell("50.00", bold=True), Cell("40.00"))
        assert not any("neither" in note for note in figure_table(made, "pooled").notes)


class TestBest:
    @pytest.fixture
    def bold(self, comparison, monkeypatch, row):
        """A function that says which of two figures of a measure are bold."""

        def find(best, *figures, defined=3):
            monkeypatch.setitem(MEASURES, "made", Measure("made", "Made", (), float, "length", best))
            means = {
                name: {**comparison.means[name], "made": Interval(figure, -4, 4, defined)}
                for name, figure in zip(comparison.means, figures, strict=True)
            }
            cells = row(figure_table(replace(comparison, means=means), "patient"), "Made pixels")
            return [cell.bold for cell in cells]

        return find

    @pytest.mark.parametrize(
        ("best", "figures", "expected"),
        [
            ("highest", (3.0, 2.0), [True, False]),
            ("lowest", (3.0, 2.0), [False, True]),
            ("zero", (-3.001, 3.002), [True, True]),
            ("zero", (-3.001, 2.9), [False, True]),
            ("lowest", (1234.4, 1233.6), [True, True]),
            ("lowest", (1234.6, 1233.6), [False, True]),
            ("highest", (3.0, math.nan), [False, False]),
            ("highest", (math.nan, math.nan), [False, False]),
        ],
    )
    def test_is_what_is_shown_as_best(self, bold, best, figures, expected):
        """Two figures that are shown alike are both the best, and of biases those nearest to 0."""
        assert bold(best, *figures) == expected

    def test_number_of_patients_where_not_all_have_a_figure(self, comparison, row):
        means = {**comparison.means, "U-Net": {**comparison.means["U-Net"], "dice": Interval(*[math.nan] * 3, 0)}}
        ours, theirs = row(figure_table(replace(comparison, means=means), "patient"), "Dice %")
        assert theirs.whole == "- (n = 0)"
        assert "n =" not in ours.whole
        assert not ours.bold


class TestLesions:
    def test_thirds_of_the_references_lesions(self, comparison):
        """Lesions of 10, 8, 5 and 4 pixels; the U-Net misses that of 5."""
        table = lesion_table(comparison)
        assert [cells[0].text for cells in table.rows] == ["below 5 pixels", "from 5 pixels", "from 8 pixels"]
        assert [cells[1].text for cells in table.rows] == ["1 / 1, 0 false", "1 / 1, 0 false", "2 / 2, 0 false"]
        assert [cells[2].text for cells in table.rows] == ["1 / 1, 0 false", "0 / 1, 0 false", "2 / 2, 0 false"]

    def test_counts_are_means_over_runs(self, with_lesions):
        table = lesion_table(with_lesions(((1.0, 2.0, 3.0, 4.0), (), (0.5,)), ((1.0, 2.0, 4.0), (3.0,), (9.0, 9.0))))
        assert [cells[1].text for cells in table.rows] == ["1 / 1, 0.5 false", "1 / 1, 0 false", "1.5 / 2, 1 false"]

    def test_lesions_of_one_size_have_two_classes(self, with_lesions):
        table = lesion_table(with_lesions(((7.0, 7.0), (7.0,), (1.0,))))
        assert [[cell.text for cell in cells] for cells in table.rows] == [
            ["below 7 pixels", "0 / 0, 1 false"],
            ["from 7 pixels", "2 / 3, 0 false"],
        ]

    def test_without_a_lesion_there_are_no_rows(self, with_lesions):
        assert lesion_table(with_lesions(((), (), (4.0,)))).rows == ()


class TestFreeResponse:
    def test_by_hand(self, comparison, row):
        """CIPA finds all four lesions with scores above its false ones'; the U-Net finds three of them."""
        table = free_response_table(comparison)
        headings = [cells[0].text for cells in table.rows]
        assert headings == ["0.125", "0.25", "0.5", "1", "2", "4", "8", "mean"]
        for heading in headings:
            ours, theirs = row(table, heading)
            assert (ours.text, ours.bold) == ("100.00", True)
            assert (theirs.text, theirs.bold) == ("75.00", False)
        assert table.columns == (Cell("False lesions a patient"), *model_columns("CIPA", "U-Net")[1:])

    def test_the_higher_is_the_better(self, comparison, row):
        figures = {name: Interval(0.5, 0.25, 0.75, 3) for name in comparison.free_response["CIPA"]}
        changed = {"CIPA": figures, "U-Net": {**figures, "mean": Interval(0.6, math.nan, math.nan, 3)}}
        table = free_response_table(replace(comparison, free_response=changed))
        assert row(table, "1") == (Cell("50.00", "[25.00, 75.00]", bold=True),) * 2
        assert row(table, "mean") == (Cell("50.00", "[25.00, 75.00]"), Cell("60.00", bold=True))

    def test_without_lesions_there_are_no_rows(self, comparison):
        assert free_response_table(replace(comparison, free_response={})).rows == ()


class TestRuns:
    def test_by_hand(self, comparison, row):
        """52/59 and 46/53, whose standard deviation is their difference through the root of 2."""
        table = run_table(comparison)
        assert table.columns == model_columns("CIPA")
        assert row(table, "Pooled Dice %") == (Cell("88.14, 86.79 (SD 0.95)"),)
        assert len(table.rows) == len(comparison.means["CIPA"])

    def test_single_runs_have_no_rows(self, comparison):
        assert run_table(replace(comparison, models=comparison.models[1:])).rows == ()


@pytest.mark.parametrize(
    ("measure", "heading"),
    [("pooled_dice", "Pooled Dice %"), ("dice", "Dice %"), ("false_lesions", "False lesions")],
)
def test_headings_tell_pooled_from_means(comparison, measure, heading):
    assert full_heading(comparison, MEASURES[measure]) == heading
