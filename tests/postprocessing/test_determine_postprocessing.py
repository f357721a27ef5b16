"""The command: from a cross-validation to a rule in a file."""

import json
import shutil

import numpy as np
import pytest

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.postprocessing.rule import read_rule


def command(tmp_path, trained, *more, output="rule.json"):
    model, labels = trained
    words = ["determine_postprocessing", "-m", model, "-ref", labels, "-o", tmp_path / output, "-np", "1", *more]
    return main([*map(str, words)])


def test_the_rule_and_its_worth_are_written_down(tmp_path, trained, capsys):
    assert command(tmp_path, trained) == 0
    rule = read_rule(tmp_path / "rule.json")
    assert rule.threshold == 0.35
    assert rule.smallest_lesion == 2
    content = json.loads((tmp_path / "rule.json").read_text())
    assert content["measure"] == "dice"
    assert content["cross_validation"] == {
        "plain": 0,
        "largest_component_only": 0,
        "rule": pytest.approx(1),
        "rule_of_other_folds": pytest.approx(1),
    }
    assert set(content["rule_without_fold"]) == {"0", "1", "2"}
    printed = capsys.readouterr().out
    assert "Foreground from 35 % on, no lesions below 2 pixels" in printed
    assert "leave it out" not in printed


def test_another_measure_and_a_list_of_patients(tmp_path, trained):
    patients = {f"{letter}{fold}_1": f"patient{fold}" for letter in "pq" for fold in range(3)}
    (tmp_path / "patients.json").write_text(json.dumps(patients))
    assert command(tmp_path, trained, "--measure", "lesion_f1", "--patients", tmp_path / "patients.json") == 0
    assert json.loads((tmp_path / "rule.json").read_text())["measure"] == "lesion_f1"
    del patients["p0_1"]
    (tmp_path / "patients.json").write_text(json.dumps(patients))
    assert command(tmp_path, trained, "--patients", tmp_path / "patients.json", "--overwrite") == 1


def test_a_rule_that_does_not_help_others_is_called_so(tmp_path, trained, capsys):
    model, _ = trained
    for fold in (1, 2):
        for file in (model / f"fold_{fold}" / "validation").iterdir():
            file.unlink()
    assert command(tmp_path, trained, "-f", "0") == 0
    printed = capsys.readouterr().out
    assert "each fold by the rule of the others" in printed
    assert json.loads((tmp_path / "rule.json").read_text())["cross_validation"]["rule_of_other_folds"] is None


def test_bad_input_leaves_nothing(tmp_path, trained, capsys):
    model, labels = trained
    assert command(tmp_path, trained, output="rule.txt") == 1
    (labels / "p0_1.png").unlink()
    assert command(tmp_path, trained) == 1
    assert "p0_1" in capsys.readouterr().err
    assert command(tmp_path, (model / "fold_0", labels)) == 1
    assert "Is it a model's folder" in capsys.readouterr().err
    assert not (tmp_path / "rule.json").exists()


def test_probabilities_of_several_models_are_averaged(tmp_path, trained, capsys):
    model, labels = trained
    other = tmp_path / "OTHER__PLANS__2d"
    shutil.copytree(model, other)
    for file in other.glob("fold_*/validation/*.npz"):
        foreground = np.load(file)["probabilities"][1].astype(float) * 0.5  # a mean of 0.75 times the first model's
        np.savez(file, probabilities=np.stack([1 - foreground, foreground]))
    words = ["determine_postprocessing", "-m", model, other, "-ref", labels, "-o", tmp_path / "both.json", "-np", "1"]
    assert main([*map(str, words)]) == 0
    assert read_rule(tmp_path / "both.json").threshold == 0.25
    assert json.loads((tmp_path / "both.json").read_text())["models"] == [model.name, other.name]
    (other / "fold_1" / "validation" / "p1_1.npz").unlink()
    assert main([*map(str, words), "--overwrite"]) == 1
    assert "have not validated the same cases: p1_1 of fold 1" in capsys.readouterr().err
