"""An evaluation as a whole, and its files."""

import csv
import json
import math

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation import MEASURES
from nnunetv2_cipa.evaluation.evaluation import Evaluation, read_evaluation

DICE, HAUSDORFF95 = MEASURES["dice"], MEASURES["hausdorff95"]


@pytest.fixture
def evaluation(measured):
    """Ada has two slices, Bob has one; one distance is undefined."""
    return Evaluation(
        (
            measured("ada_1", [[1, 1, 1, 1, 0, 0]], [[1, 1, 1, 1, 0, 0]]),
            measured("ada_2", [[0, 0, 0, 0, 1, 0]], [[0, 0, 0, 0, 0, 0]]),
            measured("bob_1", [[1, 1, 0, 0, 0, 0]], [[1, 0, 0, 0, 0, 0]]),
        ),
        labels=(1,),
    )


def test_protocol(evaluation):
    pooled = evaluation.pooled
    assert pooled.overlap.dice == pytest.approx(10 / 12)
    assert pooled.overlap.iou == pytest.approx(5 / 7)
    assert pooled.overlap.balanced_accuracy == pytest.approx((5 / 7 + 1) / 2)
    assert pooled.slice_hausdorff95 == pytest.approx((0 + 1 + 0.9) / 3)
    assert pooled.slices == 3


def test_protocol_weighs_volumes_by_their_slices(measured):
    near = [[[1, 0, 0]]] * 3
    cases = (measured("a", near, [[[0, 1, 0]]] * 3), measured("b", [[[1, 0, 0]]], [[[0, 0, 1]]]))
    assert Evaluation(cases, (1,)).pooled.slice_hausdorff95 == pytest.approx((3 * 1 + 2) / 4)


def test_means(evaluation):
    assert evaluation.mean_over_cases(DICE).value == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert [patient.identifier for patient in evaluation.patients] == ["ada", "bob"]
    assert evaluation.mean_over_patients(DICE).value == pytest.approx((8 / 9 + 2 / 3) / 2)
    assert evaluation.mean_over_cases(HAUSDORFF95).defined == 2
    assert evaluation.mean_over_patients(HAUSDORFF95).defined == 2


def test_json_can_be_read_back(evaluation, tmp_path):
    evaluation.to_json(tmp_path / "first.json")
    again = read_evaluation(tmp_path / "first.json")
    again.to_json(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert again.pooled == evaluation.pooled
    assert math.isnan(again.cases[1].distances.hausdorff95)


def test_json_holds_the_measures(evaluation, tmp_path):
    evaluation.to_json(tmp_path / "result.json")
    content = json.loads((tmp_path / "result.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert content["pclt20k"]["dice"] == pytest.approx(10 / 12)
    assert content["mean_over_patients"]["dice"] == {"value": pytest.approx(7 / 9), "defined": 2, "total": 2}
    assert content["cases"][1]["measures"]["hausdorff95"] is None
    assert content["cases"][2]["measures"]["dice"] == pytest.approx(2 / 3)
    assert content["patients"][0]["measures"]["sensitivity"] == pytest.approx(4 / 5)
    assert content["units"] == {"length": "pixels", "volume": "pixels"}


def test_csv_has_a_line_for_each_case(evaluation, tmp_path):
    evaluation.to_csv(tmp_path / "result.csv")
    with (tmp_path / "result.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["patient"]) for row in rows] == [("ada_1", "ada"), ("ada_2", "ada"), ("bob_1", "bob")]
    assert float(rows[2]["dice"]) == pytest.approx(2 / 3)
    assert rows[1]["hausdorff95_pixels"] == ""
    assert rows[1]["false_negative_volume_pixels"] == "1.0"
    assert rows[1]["lesions_missed"] == "1"


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"cases": [{}], "labels": [1]}'])
def test_reading_something_else_is_an_input_error(tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(InputError, match=r"other\.json was not written by nnUNetv2_cipa evaluate"):
        read_evaluation(tmp_path / "other.json")
    with pytest.raises(InputError, match=r"absent\.json cannot be read"):
        read_evaluation(tmp_path / "absent.json")


def test_labels_by_themselves_are_in_every_file(evaluation, tmp_path):
    of_label = Evaluation(evaluation.cases[:2], (3,))
    together = Evaluation(evaluation.cases, (1, 3), per_label={"node": of_label})
    together.to_json(tmp_path / "first.json")
    again = read_evaluation(tmp_path / "first.json")
    again.to_json(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert again.per_label["node"].pooled == of_label.pooled
    content = json.loads((tmp_path / "first.json").read_text())
    assert content["per_label"]["node"]["pclt20k"]["dice"] == pytest.approx(8 / 9)
    together.to_csv(tmp_path / "result.csv")
    with (tmp_path / "result.csv").open(newline="") as file:
        rows = [(row["label"], row["case"]) for row in csv.DictReader(file)]
    assert rows == [("all labels", case) for case in ("ada_1", "ada_2", "bob_1")] + [
        ("node", "ada_1"),
        ("node", "ada_2"),
    ]
    assert [row["label"] for row in together.patient_rows()] == ["all labels", "all labels", "node"]
