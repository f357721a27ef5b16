"""Tables of costs, trainings and published results, on made facts."""

import pytest

from nnunetv2_cipa.comparison import Costs, Curve
from nnunetv2_cipa.comparison.model_tables import costs_table, published_table, training_table
from nnunetv2_cipa.comparison.published_results import PUBLISHED
from nnunetv2_cipa.comparison.table import Cell, model_columns

SMALL = Costs(123_456, 7_000_000, (96, 160), 0.012345, 999_999, "mps, a chip", 8)


@pytest.fixture
def with_facts(model, two_of_two):
    """A function that makes a model with what is known of it."""
    return lambda name, costs=None, curves=(): model(name, two_of_two, costs=costs, curves=curves)


def texts(cells):
    return [cell.text for cell in cells]


class TestCosts:
    def test_units(self, comparison):
        table = costs_table(comparison.models)
        assert table.columns == model_columns("CIPA"), "the U-Net's are not known"
        expected = ["54.00", "145.00", "512x512", "1.25", "3,221", "cpu, a processor", "2"]
        assert [cells[1].text for cells in table.rows] == expected

    def test_several_models_stand_side_by_side(self, comparison, with_facts):
        table = costs_table([*comparison.models, with_facts("small", SMALL)])
        assert table.columns == model_columns("CIPA", "small")
        assert [cells[2].text for cells in table.rows] == ["0.12", "0.01", "96x160", "0.0123", "1", "mps, a chip", "8"]

    def test_nothing_measured_is_no_table(self, with_facts):
        assert costs_table([with_facts("unknown")]).rows == ()


class TestTraining:
    def test_the_last_epoch(self, comparison):
        (training,) = training_table(comparison.models).rows
        assert texts(training) == ["CIPA", "0", "2", "1.50", "0.5000", "0.6000", "-"]
        assert training[0] == Cell("CIPA", is_model=True)

    def test_a_row_for_each_fold(self, with_facts):
        curves = tuple(
            Curve(fold, (-0.12345,), (-0.5,), (0.4567,), (0.01,), (90.0,)) for fold in ("0", "all", "model 1")
        )
        rows = training_table([with_facts("one", curves=curves[:2]), with_facts("two", curves=curves[2:])]).rows
        assert [texts(row)[:2] for row in rows] == [["one", "0"], ["one", "all"], ["two", "model 1"]]
        assert texts(rows[0])[2:] == ["1", "0.03", "-0.1235", "-0.5000", "45.67"]

    def test_a_training_of_no_epoch(self, with_facts):
        (row,) = training_table([with_facts("none", curves=(Curve("3", (), (), (), (), ()),))]).rows
        assert texts(row) == ["none", "3", "0", "0.00", "-", "-", "-"]


class TestPublished:
    def test_rows_are_as_printed(self):
        table = published_table(PUBLISHED)
        assert texts(table.columns)[0] == "Method"
        rows = {row[0].text: texts(row[1:]) for row in table.rows}
        assert rows["CIPA"] == ["63.81", "77.91", "89.01", "17.74", "76.18", "54.57"]
        assert rows["nnU-Net"] == ["61.44", "76.11", "85.61", "22.94", "-", "-"]
        assert len(rows) == len(PUBLISHED)

    def test_they_are_said_to_be_others(self):
        notes = published_table(PUBLISHED).notes
        assert "not measured here" in notes[0]
        assert "Comparable only to results on PCLT20K's test set" in notes[1]

    def test_none_is_no_table(self):
        assert published_table(()).rows == ()
