"""`nnUNetv2_cipa compare`: from files to files."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.comparison import read_comparison

FILES = {"comparison.json", "comparison.md", "comparison.tex", "cases.csv", "patients.csv"}


@pytest.fixture
def folders(nnunet, masks):
    """Label files of the test set, and the predictions of two models."""
    masks(nnunet / "good", e_1=2, f_1=3, f_2=5, g_1=4)
    masks(nnunet / "bad", e_1=4, f_1=6, f_2=1, g_1=8)
    reference = nnunet / "nnUNet_raw" / "Dataset777_Made" / "labelsTs"
    return ["-ref", str(reference), "--predictions", f"good={nnunet / 'good'}", f"bad={nnunet / 'bad'}", "-np", "1"]


def test_prediction_folders(folders, nnunet, capsys):
    assert main(["compare", *folders, "-o", str(nnunet / "out")]) == 0
    assert {file.name for file in (nnunet / "out").iterdir()} == FILES
    shown = capsys.readouterr().out
    assert (nnunet / "out" / "comparison.md").read_text() in shown
    assert "## good minus bad" in shown
    assert "## Costs" not in shown
    comparison = read_comparison(nnunet / "out" / "comparison.json")
    assert comparison.dataset_name == "Dataset777_Made"
    assert comparison.images.channel_names == ("CT", "PET")
    assert comparison.means["good"]["dice"].value == pytest.approx((1 + (2 * 56 / (56 + 64)) + 1) / 3)
    assert comparison.difference("good", "bad", "dice").test.wins == 3
    assert Path(comparison.reference).is_absolute()


@pytest.mark.slow
def test_the_whole_command_on_a_results_folder(nnunet, masks):
    """Cross-validation, curves and costs of a network, in a process of its own as a user starts it."""
    masks(nnunet / "threshold", a_1=1, b_1=0, c_1=4, d_1=6)
    models = ("-d", "777", "-f", "0", "1", "-tr", "U-Net=nnUNetTrainer", "--predictions", "PET=threshold")
    done = subprocess.run(
        [sys.executable, "-m", "nnunetv2_cipa.cli", "compare", *models, "-o", "out", "-np", "1", "-device", "cpu"],
        cwd=nnunet,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "## Costs of the networks" in done.stdout
    assert "## Training" in done.stdout
    comparison = read_comparison(nnunet / "out" / "comparison.json")
    unet, threshold = comparison.models
    assert unet.costs.parameters > 0
    assert threshold.costs is None
    assert [curve.fold for curve in unet.curves] == ["0", "1"]
    assert [patient.identifier for patient in unet.evaluation.patients] == ["a", "b", "c", "d"]
    test = comparison.difference("U-Net", "PET", "dice").test
    assert (test.wins, test.losses, test.ties) == (1, 2, 1)
    assert "With 4 patients p cannot be smaller than 0.125" in done.stdout


def test_nothing_is_overwritten_unasked(folders, nnunet, capsys):
    out = nnunet / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    assert main(["compare", *folders, "-o", str(out)]) == 1
    assert "out exists already" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["mine.txt"]
    assert main(["compare", *folders, "-o", str(out), "--overwrite"]) == 0
    assert {file.name for file in out.iterdir()} == FILES


def test_bad_input_leaves_nothing_behind(folders, nnunet, capsys):
    (nnunet / "bad" / "f_2.png").unlink()
    before = sorted(nnunet.iterdir())
    assert main(["compare", *folders, "-o", str(nnunet / "out")]) == 1
    message = capsys.readouterr().err
    assert message.startswith("nnUNetv2_cipa compare: bad: ")
    assert message.endswith("(1):\n    f_2\n")
    assert sorted(nnunet.iterdir()) == before
    assert main(["compare", "-o", str(nnunet / "out")]) == 1
    assert "No model is named" in capsys.readouterr().err
    assert main(["compare", "-d", "777", "-tr", "nnUNetTrainer", "-o", str(nnunet / "out")]) == 1
    assert "These folds are not trained" in capsys.readouterr().err


def test_patients_and_labels_are_passed_on(folders, nnunet, capsys):
    (nnunet / "patients.json").write_text('{"e_1": "x", "f_1": "x", "f_2": "y", "g_1": "y"}')
    options = ["--patients", str(nnunet / "patients.json"), "-l", "1", "--no_costs"]
    assert main(["compare", *folders, *options, "-o", str(nnunet / "out")]) == 0
    assert "4 cases of 2 patients, foreground [1]." in capsys.readouterr().out


def test_several_labels_are_compared_together_and_each_by_itself(folders, nnunet, capsys):
    dataset = nnunet / "nnUNet_raw" / "Dataset777_Made" / "dataset.json"
    dataset.write_text(dataset.read_text().replace('"tumor": 1', '"GTVp": 1, "GTVn": 2'))
    assert main(["compare", *folders, "-o", str(nnunet / "out")]) == 0
    shown = capsys.readouterr().out
    assert "foreground [1, 2]." in shown
    assert "- GTVn by itself: foreground [2]." in shown
    for title in ("## Means over patients", "## GTVp: Means over patients", "## GTVn: good minus bad"):
        assert title in shown
    comparison = read_comparison(nnunet / "out" / "comparison.json")
    parts = comparison.of_labels()
    assert parts["GTVp"].means == comparison.means
    assert parts["GTVp"].difference("good", "bad", "dice") == comparison.difference("good", "bad", "dice")
    assert math.isnan(parts["GTVn"].means["good"]["dice"].value)
    assert parts["GTVn"].labels == (2,)
    comparison.to_json(nnunet / "again.json")
    assert (nnunet / "again.json").read_text() == (nnunet / "out" / "comparison.json").read_text()
    assert "good,1,GTVn,e_1,e" in (nnunet / "out" / "cases.csv").read_text()
    assert main(["compare", *folders, "-l", "1", "-o", str(nnunet / "one")]) == 0
    assert read_comparison(nnunet / "one" / "comparison.json").per_label == {}


def test_patients_of_the_dataset_and_doubts_about_names(folders, nnunet, capsys):
    assert main(["compare", *folders, "-o", str(nnunet / "names")]) == 0
    assert "of 3 patients" in (shown := capsys.readouterr().out)
    assert "a file for --patients" in shown
    file = nnunet / "nnUNet_raw" / "Dataset777_Made" / "patients.json"
    file.write_text('{"e_1": "x", "f_1": "x", "f_2": "y", "g_1": "y"}')
    assert main(["compare", *folders, "-o", str(nnunet / "file")]) == 0
    shown = capsys.readouterr().out
    assert "of 2 patients" in shown
    assert f"- Patients: {file}.".replace("_", "\\_") in shown
    assert "--patients" not in shown
