"""Tables: what is in them, which is best, and what is said of few patients."""

import math
from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison import ComparedModel, Interval
from nnunetv2_cipa.comparison.figure_tables import figure_table
from nnunetv2_cipa.comparison.figures import findings
from nnunetv2_cipa.comparison.table import Cell, model_columns
from nnunetv2_cipa.comparison.tables import description, tables
from nnunetv2_cipa.evaluation import MEASURES, Measure


@pytest.fixture
def found(comparison):
    return {table.title: table for table in tables(comparison)}


def row(table, title):
    return next(cells[1:] for cells in table.rows if cells[0].text == title)


def test_all_tables(found):
    expected = ["PCLT20K protocol", "Published results, PCLT20K test set", "Means over patients"]
    expected += ["Agreement over patients", "CIPA minus U-Net", "Lesions by size", "Free response"]
    assert list(found) == [*expected, "Runs", "Costs of the networks", "Training"]
    for table in found.values():
        assert all(len(cells) == len(table.columns) for cells in table.rows)


def test_figures_and_the_best_of_them(comparison, found):
    interval = comparison.means["CIPA"]["dice"]
    ours, theirs = row(found["Means over patients"], "Dice %")
    bracketed = f"[{100 * interval.low:.2f}, {100 * interval.high:.2f}]"
    assert ours == Cell(f"{100 * interval.value:.2f}", bracketed, bold=True)
    assert not theirs.bold
    ours, theirs = row(found["Means over patients"], "FP volume pixels")
    assert (ours, theirs) == (Cell("0.00", "[0.00, 0.00]", bold=True),) * 2
    ours, theirs = row(found["Means over patients"], "HD95 pixels")
    assert theirs == Cell("1.75", "[1.00, 2.50] (n = 2)")
    assert ours.whole.startswith("1.50 [1.00, ")
    assert ours.bold
    pooled = comparison.means["CIPA"]["pooled_dice"]
    assert row(found["PCLT20K protocol"], "Dice %")[0].text == f"{100 * pooled.value:.2f}"


def test_published_rows_are_marked(found):
    table = found["Published results, PCLT20K test set"]
    assert [cell.text for cell in table.rows[0]] == ["CIPA", "63.81", "77.91", "89.01", "17.74", "76.18", "54.57"]
    assert [cell.text for cell in row(table, "nnU-Net")] == ["61.44", "76.11", "85.61", "22.94", "-", "-"]
    assert "not measured here" in table.notes[0]
    assert "Comparable only to results on PCLT20K's test set" in table.notes[1]


def test_differences(comparison, found):
    difference = comparison.difference("CIPA", "U-Net", "dice")
    cells = row(found["CIPA minus U-Net"], "Dice %")
    assert cells[0].text == f"+{100 * difference.difference.value:.2f}"
    assert [cell.text for cell in cells[1:]] == ["3", "3 / 0 / 0", "0.250", "0.250"]
    assert [cell.text for cell in row(found["CIPA minus U-Net"], "Pooled Dice %")[1:]] == ["-"] * 4
    assert row(found["CIPA minus U-Net"], "FP volume pixels")[0] == Cell("+0.00", "[+0.00, +0.00]")


def test_few_patients_are_said_to_be_few(found, evaluation, model, comparison):
    assert "With 3 patients p cannot be smaller than 0.25, nor p (Holm) than 0.25" in found["CIPA minus U-Net"].notes[1]
    lone = [model(name, evaluation(a_1=counts)) for name, counts in (("x", (1, 1, 1, 9)), ("y", (2, 1, 1, 8)))]
    few = replace(comparison, models=tuple(lone), **vars(findings(lone, comparison.settings)))
    of_one = {table.title: table for table in tables(few)}
    assert "neither intervals nor tests are possible" in of_one["Means over patients"].notes[-1]
    assert row(of_one["Means over patients"], "Dice %")[0] == Cell("50.00")
    many = {f"{letter}_1": (5, number, 1, 50) for number, letter in enumerate("abcdefgh")}
    enough = [model(name, evaluation(**many)) for name in ("x", "y")]
    found = tables(replace(comparison, models=tuple(enough), **vars(findings(enough, comparison.settings))))
    (notes,) = (table.notes for table in found if table.title == "x minus y")
    assert not any("whatever the models are" in note for note in notes)


def test_runs(comparison, found):
    assert found["Runs"].columns == model_columns("CIPA")
    figures = [run.evaluation.figure(MEASURES["pooled_dice"]) for run in comparison.models[0].runs]
    one, other = (100 * figure for figure in figures)
    deviation = abs(one - other) / 2**0.5
    assert row(found["Runs"], "Pooled Dice %") == (Cell(f"{one:.2f}, {other:.2f} (SD {deviation:.2f})"),)


def test_costs_and_training(found):
    costs = found["Costs of the networks"]
    assert costs.columns == model_columns("CIPA")
    assert [cells[1].text for cells in costs.rows] == [
        "54.00",
        "145.00",
        "512x512",
        "1.25",
        "3,221",
        "cpu, a processor",
        "2",
    ]
    (training,) = found["Training"].rows
    assert [cell.text for cell in training] == ["CIPA", "0", "2", "1.50", "0.5000", "0.6000", "-"]


def test_what_is_not_known_has_no_table(comparison):
    bare = tuple(ComparedModel(model.name, model.runs[:1], None, ()) for model in comparison.models)
    titles = [table.title for table in tables(replace(comparison, models=bare))]
    assert titles[-1] == "Free response"


def test_description(comparison):
    sentences = description(comparison)
    assert sentences[0] == "4 cases of 3 patients, foreground [1]."
    assert sentences.count("CIPA: from CIPA.") == 2
    assert any("99 samples of patients, seed 0" in sentence for sentence in sentences)


def test_best_is_what_is_shown_as_best(comparison, monkeypatch):
    """Two figures that are shown alike are both the best, and of biases those nearest to 0."""
    monkeypatch.setitem(MEASURES, "bias", Measure("bias", "Bias", (), float, "length", "zero"))
    figures = {"CIPA": -3.001, "U-Net": 3.002}
    means = {
        name: {**of_model, "bias": Interval(figures[name], -4, 4, 3)} for name, of_model in comparison.means.items()
    }
    table = figure_table(replace(comparison, means=means), "patient")
    assert [cell.bold for cell in row(table, "Bias pixels")] == [True, True]
    means["U-Net"]["bias"] = Interval(2.9, -4, 4, 3)
    table = figure_table(replace(comparison, means=means), "patient")
    assert [cell.bold for cell in row(table, "Bias pixels")] == [False, True]
    means["U-Net"]["bias"] = Interval(math.nan, math.nan, math.nan, 0)
    table = figure_table(replace(comparison, means=means), "patient")
    assert not any(cell.bold for cell in row(table, "Bias pixels"))
    assert row(table, "Bias pixels")[1].whole == "- (n = 0)"


def test_lesions_by_size(found):
    """Lesions of 10, 8, 5 and 4 pixels; the U-Net misses that of 5."""
    table = found["Lesions by size"]
    assert [cells[0].text for cells in table.rows] == ["below 5 pixels", "from 5 pixels", "from 8 pixels"]
    assert [cells[1].text for cells in table.rows] == ["1 / 1, 0 false", "1 / 1, 0 false", "2 / 2, 0 false"]
    assert [cells[2].text for cells in table.rows] == ["1 / 1, 0 false", "0 / 1, 0 false", "2 / 2, 0 false"]
