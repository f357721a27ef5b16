import pytest

from nnunetv2_cipa.comparison.table import Cell, model_columns


@pytest.mark.parametrize(
    ("cell", "whole"),
    [
        (Cell("1.00"), "1.00"),
        (Cell("1.00", "[0.50, 1.50]", bold=True), "1.00 [0.50, 1.50]"),
        (Cell("", "(n = 2)"), "(n = 2)"),
        (Cell(""), ""),
    ],
)
def test_a_cell_with_what_stands_beside_it(cell, whole):
    assert cell.whole == whole


def test_a_column_for_each_model_after_that_of_the_headings():
    first, *models = model_columns("CIPA", "U-Net")
    assert first == Cell("")
    assert [(cell.text, cell.is_model, cell.bold) for cell in models] == [
        ("CIPA", True, False),
        ("U-Net", True, False),
    ]


def test_no_model_has_no_column():
    assert model_columns() == (Cell(""),)
