"""The command: a temperature from a cross-validation, checked on folds that it has not seen."""

import json
import shutil

import numpy as np
import pytest

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.trust.calibrate import read_temperature


@pytest.fixture
def model(tmp_path, write_member, write_references):
    """A model of three folds that is too certain by a temperature of 2, and the label files."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "TRAINER__PLANS__2d"
    masks = {}
    for fold in range(3):
        cases = {}
        for case in range(2):
            logits = generator.normal(-1, 2, (64, 64))
            masks[f"{fold}_{case}"] = generator.random((64, 64)) < 1 / (1 + np.exp(-logits))
            cases[f"{fold}_{case}"] = 1 / (1 + np.exp(-2 * logits))
        write_member(folder / f"fold_{fold}" / "validation", cases)
    (folder / "dataset.json").write_text((folder / "fold_0" / "validation" / "dataset.json").read_text())
    return folder, write_references(tmp_path / "labelsTr", masks)


def command(tmp_path, model, *more, output="t.json"):
    folder, references = model
    return main(
        ["calibrate", "-m", str(folder), "-ref", str(references), "-o", str(tmp_path / output), "-np", "1", *more]
    )


def test_the_temperature_is_found_and_helps_folds_that_it_has_not_seen(tmp_path, model, capsys):
    assert command(tmp_path, model) == 0
    content = json.loads((tmp_path / "t.json").read_text())
    assert content["temperature"] == pytest.approx(2, rel=0.05)
    assert set(content["temperature_without_fold"]) == {"0", "1", "2"}
    for error in content["expected_calibration_error"].values():
        assert error["after"] < 0.3 * error["before"]
    assert read_temperature(tmp_path / "t.json") == content["temperature"]
    assert "with the temperature of the other folds" in capsys.readouterr().out


def test_several_models_are_one_by_their_mean(tmp_path, model):
    """One that is certain of the opposite as often leaves probabilities of a half, which no temperature changes."""
    folder, references = model
    assert command(tmp_path, model, output="alone.json") == 0
    twin, opposite = (tmp_path / f"{name}__PLANS__2d" for name in ("TWIN", "OPPOSITE"))
    for other in (twin, opposite):
        shutil.copytree(folder, other)
    words = ["-ref", str(references), "-np", "1"]
    assert main(["calibrate", "-m", str(folder), str(twin), *words, "-o", str(tmp_path / "twins.json")]) == 0
    content = json.loads((tmp_path / "twins.json").read_text())
    assert content["models"] == [folder.name, twin.name]
    assert content["temperature"] == pytest.approx(read_temperature(tmp_path / "alone.json"), rel=1e-3)
    for file in opposite.glob("fold_*/validation/*.npz"):
        np.savez(file, probabilities=np.load(file)["probabilities"][::-1])
    assert main(["calibrate", "-m", str(folder), str(opposite), *words, "-o", str(tmp_path / "half.json")]) == 0
    error = json.loads((tmp_path / "half.json").read_text())["expected_calibration_error"]["all_pixels"]
    assert error["before"] == pytest.approx(error["after"], abs=1e-3)


def test_one_fold_is_checked_on_itself_and_that_is_said(tmp_path, model, capsys):
    assert command(tmp_path, model, "-f", "1") == 0
    assert json.loads((tmp_path / "t.json").read_text())["temperature_without_fold"] == {}
    assert "on the cases it was fitted on" in capsys.readouterr().out


def test_regions_are_each_foreground_or_not(tmp_path, model):
    folder, _ = model
    labels = {"background": 0, "whole": [1, 2], "core": [2]}
    content = {"labels": labels, "regions_class_order": [1, 2], "file_ending": ".png"}
    (folder / "dataset.json").write_text(json.dumps(content))
    for file in folder.glob("fold_*/validation/*.npz"):
        foreground = np.load(file)["probabilities"][1]
        np.savez(file, probabilities=np.stack([foreground, np.zeros_like(foreground)]))
    assert command(tmp_path, model) == 0
    assert read_temperature(tmp_path / "t.json") == pytest.approx(2, rel=0.05)


def test_bad_input_leaves_nothing(tmp_path, model, capsys):
    _, references = model
    assert command(tmp_path, model, "-f", "7") == 1
    assert "no validation of the folds [7]" in capsys.readouterr().err
    assert command(tmp_path, model, output="t.txt") == 1
    assert "must end with .json" in capsys.readouterr().err
    (references / "0_0.png").unlink()
    assert command(tmp_path, model) == 1
    assert "0_0" in capsys.readouterr().err
    assert not (tmp_path / "t.json").exists()
    for content in ("{}", '{"temperature": 0}', "no json", "[1]"):
        (tmp_path / "t.json").write_text(content)
        with pytest.raises(InputError):
            read_temperature(tmp_path / "t.json")
    assert command(tmp_path, model) == 1
    assert "exists already" in capsys.readouterr().err
