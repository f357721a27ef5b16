"""`nnUNetv2_cipa evaluate`: its table, its files and what it refuses."""

import json

import numpy as np
import pytest

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.evaluation.evaluation import read_evaluation


@pytest.fixture
def folders(tmp_path, write):
    """Two slices of Ada's, one of Bob's, which is missed."""
    lesion = np.zeros((8, 8))
    lesion[2:4, 2:6] = 1
    for name, prediction in (("p1_1", lesion), ("p1_2", np.roll(lesion, 1, axis=0)), ("p2_1", np.zeros((8, 8)))):
        write(tmp_path / "ref" / f"{name}.png", lesion)
        write(tmp_path / "pred" / f"{name}.png", prediction)
    return ["-ref", str(tmp_path / "ref"), "-pred", str(tmp_path / "pred"), "-np", "1"]


def lines(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_prints_both_kinds_of_measures_and_writes_them(folders, tmp_path, capsys):
    assert main(["evaluate", *folders]) == 0
    shown = lines(capsys)
    assert ["3", "cases", "of", "2", "patients,", "foreground", "[1]"] in shown
    protocol = shown[shown.index(["IoU", "%", "Dice", "%", "Acc", "%", "HD95"]) + 1]
    pooled = read_evaluation(tmp_path / "pred" / "evaluation.json").pooled
    assert protocol[:2] == [f"{100 * 12 / 28:.2f}", f"{100 * 24 / 40:.2f}"]
    assert protocol[3] == f"{pooled.slice_hausdorff95:.2f}"
    assert ["Dice", "%", f"{100 * 1.5 / 3:.2f}", "3", f"{100 * 0.75 / 2:.2f}", "2"] in shown
    assert ["Precision", "%", "75.00", "2", "75.00", "1"] in shown
    assert ["HD95", "pixels", "0.50", "2", "0.50", "1"] in shown
    assert ["Borders", "agree", "within", "1", "pixel", "in", "surface", "Dice."] in shown
    assert (tmp_path / "pred" / "evaluation.csv").read_text().count("\n") == 4
    assert sorted(file.suffix for file in (tmp_path / "pred").iterdir()) == [".csv", ".json", ".png", ".png", ".png"]


def test_nothing_is_overwritten_unasked(folders, tmp_path, capsys):
    (tmp_path / "pred" / "evaluation.csv").write_text("mine")
    assert main(["evaluate", *folders]) == 1
    assert "evaluation.csv exists already" in capsys.readouterr().err
    assert (tmp_path / "pred" / "evaluation.csv").read_text() == "mine"
    assert not (tmp_path / "pred" / "evaluation.json").exists()
    assert main(["evaluate", *folders, "--overwrite"]) == 0
    assert (tmp_path / "pred" / "evaluation.csv").read_text() != "mine"


def test_a_chosen_output_folder_is_made(folders, tmp_path):
    assert main(["evaluate", *folders, "-o", str(tmp_path / "new" / "result.json")]) == 0
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"result.json", "result.csv"}


def test_bad_input_leaves_nothing_behind(folders, tmp_path, capsys):
    (tmp_path / "pred" / "p1_2.png").unlink()
    assert main(["evaluate", *folders]) == 1
    assert "p1_2" in capsys.readouterr().err
    assert not list((tmp_path / "pred").glob("*evaluation*"))
    assert main(["evaluate", *folders, "-o", str(tmp_path / "result.txt")]) == 1
    assert "must end with .json" in capsys.readouterr().err
    assert main(["evaluate", "-ref", str(tmp_path / "ref"), "-pred", str(tmp_path / "absent")]) == 1
    assert "absent is not a folder" in capsys.readouterr().err
    assert not (tmp_path / "absent").exists()


def test_options_reach_the_evaluation(folders, tmp_path, capsys):
    (tmp_path / "pred" / "p1_2.png").unlink()
    (tmp_path / "patients.json").write_text(json.dumps({"p1_1": "x", "p2_1": "x"}))
    dataset = {"labels": {"background": 0, "a": 1, "b": 2}, "file_ending": ".png"}
    (tmp_path / "dataset.json").write_text(json.dumps(dataset))
    options = ["--chill", "--patients", str(tmp_path / "patients.json"), "-djfile", str(tmp_path / "dataset.json")]
    assert main(["evaluate", *folders, *options, "-l", "1", "2"]) == 0
    shown = capsys.readouterr().out
    assert "2 cases of 1 patient, foreground [1, 2]" in shown
    assert "taken for one patient" not in shown


def test_says_what_patients_rest_on(tmp_path, write, capsys):
    def evaluated(*names):
        for folder in ("ref", "pred"):
            for name in names:
                write(tmp_path / folder / f"{name}.png", np.eye(3))
        folders = ["-ref", str(tmp_path / "ref"), "-pred", str(tmp_path / "pred")]
        assert main(["evaluate", *folders, "-np", "1", "--overwrite"]) == 0
        return capsys.readouterr().out

    assert "All 2 cases are taken for those of one patient, 0007" in evaluated("0007_1", "0007_2")
    assert "Patients were read from the names of the cases. If that is wrong, " in evaluated("0008_1")
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "a": 1}, "file_ending": ".png"}))
    (tmp_path / "patients.json").write_text(json.dumps({"0007_1": "x", "0007_2": "y", "0008_1": "x"}))
    shown = evaluated()
    assert "3 cases of 2 patients" in shown
    assert "--patients" not in shown


def test_several_labels_are_shown_together_and_each_by_itself(folders, tmp_path, capsys):
    dataset = {"labels": {"background": 0, "GTVp": 1, "GTVn": 2}, "file_ending": ".png"}
    (tmp_path / "dataset.json").write_text(json.dumps(dataset))
    assert main(["evaluate", *folders]) == 0
    shown = capsys.readouterr().out.splitlines()
    titles = ["3 cases of 2 patients, foreground [1, 2]", "GTVp [1]", "GTVn [2]"]
    assert [line for line in shown if line in titles] == titles
    assert sum(line.startswith("PCLT20K protocol") for line in shown) == 3
