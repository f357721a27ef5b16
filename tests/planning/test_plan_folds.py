import json

import pytest

from nnunetv2_cipa.cli import main

NAME = "Dataset007_Lungs"
CASES = ("0001_1", "0001_2", "0002_1", "0003_1", "0003_2")


@pytest.fixture
def preprocessed(tmp_path, monkeypatch):
    for name in ("nnUNet_raw", "nnUNet_preprocessed"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name / NAME).mkdir(parents=True)
    raw = tmp_path / "nnUNet_raw" / NAME
    content = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "tumour": 1}, "file_ending": ".png"}
    (raw / "dataset.json").write_text(json.dumps(content))
    (raw / "imagesTr").mkdir()
    for case in CASES:
        (raw / "imagesTr" / f"{case}_0000.png").touch()
    return tmp_path / "nnUNet_preprocessed" / NAME


def test_no_patient_is_trained_and_validated_on(preprocessed, capsys):
    assert main(["plan_folds", "-d", "7"]) == 0
    folds = json.loads((preprocessed / "splits_final.json").read_text())
    assert len(folds) == 3
    assert sorted(case for fold in folds for case in fold["val"]) == sorted(CASES)
    for fold in folds:
        assert sorted(fold["train"] + fold["val"]) == sorted(CASES)
        assert not {case[:4] for case in fold["train"]} & {case[:4] for case in fold["val"]}
    assert "3 folds of 3 patients" in capsys.readouterr().out


def test_folds_that_are_there_stay(preprocessed, capsys):
    (preprocessed / "splits_final.json").write_text("[]")
    assert main(["plan_folds", "-d", "7"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (preprocessed / "splits_final.json").read_text() == "[]"
    assert main(["plan_folds", "-d", "7", "--overwrite"]) == 0


def test_a_single_patient_cannot_be_dealt_out(preprocessed, tmp_path, capsys):
    (tmp_path / "patients.json").write_text(json.dumps(dict.fromkeys(CASES, "Ada")))
    assert main(["plan_folds", "-d", "7", "--patients", str(tmp_path / "patients.json")]) == 1
    assert "of one patient" in capsys.readouterr().err
    assert not (preprocessed / "splits_final.json").exists()
