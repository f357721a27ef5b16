"""A comparison as data, and the way through its file."""

import csv
import json
import math
from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison import read_comparison
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation import MEASURES

DICE, HD95 = MEASURES["dice"], MEASURES["hausdorff95"]


def test_the_way_through_the_file_changes_nothing(comparison, tmp_path):
    comparison.to_json(tmp_path / "first.json")
    read = read_comparison(tmp_path / "first.json")
    read.to_json(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_text() == (tmp_path / "second.json").read_text()
    assert read.models[0].costs == comparison.models[0].costs
    assert read.models[0].evaluation.patients[0] == comparison.models[0].evaluation.patients[0]
    assert read.models[1].costs is None
    assert read.images == comparison.images
    assert read.settings == comparison.settings
    assert read.published[0] == comparison.published[0]
    assert read.means["CIPA"]["pooled_dice"] == comparison.means["CIPA"]["pooled_dice"]
    assert math.isnan(read.models[0].curves[0].pseudo_dice[1])
    assert read.difference("CIPA", "U-Net", "dice") == comparison.difference("CIPA", "U-Net", "dice")


def test_the_file_is_json_without_nan(comparison, tmp_path):
    comparison.to_json(tmp_path / "comparison.json")

    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads((tmp_path / "comparison.json").read_text(), parse_constant=refuse)
    assert content["models"][0]["curves"][0]["pseudo_dice"] == [0.2, None]
    assert content["published"][1]["hausdorff95"] is None


def test_without_images(comparison, tmp_path):
    replace(comparison, images=None).to_json(tmp_path / "comparison.json")
    assert read_comparison(tmp_path / "comparison.json").images is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"models": 1}'])
def test_other_files_are_refused(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(InputError, match="was not written by nnUNetv2_cipa compare"):
        read_comparison(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_comparison(tmp_path / "absent.json")


def test_values_of_cases_and_patients_are_means_of_runs(comparison):
    model = comparison.models[0]
    assert list(model.case_values(DICE)) == ["a_1", "a_2", "b_1", "c_1"]
    assert model.case_values(DICE)["c_1"] == pytest.approx((8 / 12 + 1) / 2)
    assert model.patient_values(DICE)["a"] == pytest.approx((34 / 36 + 30 / 35) / 2)
    assert model.patient_values(HD95)["b"] == pytest.approx(2.5)
    assert math.isnan(comparison.models[1].patient_values(HD95)["b"])
    assert model.evaluation is model.runs[0].evaluation
    assert comparison.labels == (1,)
    assert list(model.curves[0].epochs) == [0, 1]


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_line_for_each_case_of_each_run(comparison, tmp_path):
    comparison.write_cases(tmp_path / "cases.csv")
    rows = read(tmp_path / "cases.csv")
    assert [(row["model"], row["run"]) for row in rows] == [("CIPA", "1")] * 4 + [("CIPA", "2")] * 4 + [
        ("U-Net", "1")
    ] * 4
    assert [row["case"] for row in rows[:4]] == ["a_1", "a_2", "b_1", "c_1"]
    assert float(rows[0]["dice"]) == 18 / 20
    assert rows[-2]["hausdorff95_pixels"] == ""


def test_a_line_for_each_patient_of_each_run(comparison, tmp_path):
    comparison.write_patients(tmp_path / "patients.csv")
    rows = read(tmp_path / "patients.csv")
    assert [row["patient"] for row in rows] == ["a", "b", "c"] * 3
    assert rows[0]["cases"] == "2"
    assert float(rows[0]["dice"]) == 34 / 36
