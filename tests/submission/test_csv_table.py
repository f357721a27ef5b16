import csv

import numpy as np
import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.submission.csv_table import Layout, write_table
from nnunetv2_cipa.submission.predictions import find_predictions
from nnunetv2_cipa.submission.run_length import decode
from nnunetv2_cipa.submission.sample import read_sample


@pytest.fixture
def rows(predictions, tmp_path):
    """A function that writes the table and reads it back, its first line apart."""

    def written(**layout):
        write_table(tmp_path / "s.csv", find_predictions(predictions), Layout(**layout))
        with (tmp_path / "s.csv").open(newline="") as file:
            return list(csv.reader(file))

    return written


@pytest.mark.parametrize("order", ["column", "row"])
def test_masks_come_back(rows, masks, order):
    header, *table = rows(order=order, empty="-1")
    assert header == ["id", "rle"]
    assert [name for name, _ in table] == ["a_1", "b_9", "b_10"]
    assert table[0][1] == "-1"
    for name, text in table:
        np.testing.assert_array_equal(decode(text, masks[name].shape, order, "-1"), masks[name])


def test_the_sample_decides_columns_and_order(rows, tmp_path):
    (tmp_path / "sample.csv").write_text("img,class,mask\nb_10.jpg,lung,1 1\na_1.jpg,lung,\nb_9.jpg,thorax,\n")
    plain = dict(rows()[1:])
    table = rows(sample=read_sample(tmp_path / "sample.csv"), id_ending=".jpg")
    assert table == [
        ["img", "class", "mask"],
        ["b_10.jpg", "lung", plain["b_10"]],
        ["a_1.jpg", "lung", ""],
        ["b_9.jpg", "thorax", plain["b_9"]],
    ]


def test_cases_must_be_the_samples(rows, tmp_path):
    (tmp_path / "sample.csv").write_text("id,rle\nb_10,\nc_1,\nb_9,\n")
    with pytest.raises(InputError, match=r"(?s)but not here \(1\):\n    c_1\nhere, but not .*\(1\):\n    a_1"):
        rows(sample=read_sample(tmp_path / "sample.csv"))
    assert not (tmp_path / "s.csv").exists()
