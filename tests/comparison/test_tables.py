"""All tables of a comparison, their order, and what is said of what was compared."""

from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison import ComparedModel
from nnunetv2_cipa.comparison.tables import description, tables


@pytest.fixture
def found(comparison):
    return {table.title: table for table in tables(comparison)}


def test_all_tables(found):
    expected = ["PCLT20K protocol", "Published results, PCLT20K test set", "Means over patients"]
    expected += ["Agreement over patients", "CIPA minus U-Net", "Lesions by size", "Free response"]
    assert list(found) == [*expected, "Runs", "Costs of the networks", "Training"]
    for table in found.values():
        assert all(len(cells) == len(table.columns) for cells in table.rows)


def test_what_is_not_known_has_no_table(comparison):
    bare = tuple(ComparedModel(model.name, model.runs[:1], None, ()) for model in comparison.models)
    titles = [table.title for table in tables(replace(comparison, models=bare))]
    assert titles[-1] == "Free response"


def test_description(comparison):
    sentences = description(comparison)
    assert sentences[0] == "4 cases of 3 patients, foreground [1]."
    assert sentences.count("CIPA: from CIPA.") == 2
    assert any("99 samples of patients, seed 0" in sentence for sentence in sentences)
