import json

import pytest

from nnunetv2_cipa.nnunet.fold_checks import mixed_folds, needs_patient_folds, number_of_folds, training_patients

SEVERAL = {"0001_1": "0001", "0001_2": "0001", "0002_1": "0002", "0003_1": "0003"}
ONE_EACH = {"a": "a", "b": "b"}


@pytest.fixture
def folders(tmp_path):
    raw, preprocessed = tmp_path / "raw" / "Dataset007_Lungs", tmp_path / "preprocessed" / "Dataset007_Lungs"
    raw.mkdir(parents=True)
    preprocessed.mkdir(parents=True)
    return raw, preprocessed


def write(folder, *folds):
    content = [{"train": train, "val": val} for train, val in folds]
    (folder / "splits_final.json").write_text(json.dumps(content))


def test_without_folds_cases_of_the_same_patients_would_be_dealt_out(folders):
    assert needs_patient_folds(*folders, SEVERAL)
    message = mixed_folds(*folders, SEVERAL)
    assert "4 training cases are of 3 patients" in message
    assert "nnUNetv2_cipa plan_folds -d 7" in message
    assert number_of_folds(*folders, SEVERAL) == 3


@pytest.mark.parametrize("patients", [ONE_EACH, {"a_1": "a", "a_2": "a"}])
def test_one_case_each_and_one_patient_only_are_left_to_nnunet(folders, patients):
    assert not needs_patient_folds(*folders, patients)
    assert mixed_folds(*folders, patients) is None
    assert number_of_folds(*folders, patients) == 5


@pytest.mark.parametrize("where", [0, 1])
def test_folds_that_are_there_are_looked_at(folders, where):
    write(folders[where], (["0001_1", "0001_2"], ["0002_1"]), (["0002_1"], ["0001_1", "0001_2"]))
    assert not needs_patient_folds(*folders, SEVERAL)
    assert mixed_folds(*folders, SEVERAL) is None
    assert number_of_folds(*folders, SEVERAL) == 2
    write(folders[where], (["0001_1"], ["0002_1"]), (["0001_1", "0002_1"], ["0001_2"]))
    assert "in 1 folds, as in fold 1 on 0001" in mixed_folds(*folders, SEVERAL)


def test_patients_are_read_from_the_file_or_the_names(folders, tmp_path):
    raw, _ = folders
    content = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "tumour": 1}, "file_ending": ".png"}
    (raw / "dataset.json").write_text(json.dumps(content))
    (raw / "imagesTr").mkdir()
    for case in SEVERAL:
        (raw / "imagesTr" / f"{case}_0000.png").touch()
    assert training_patients(raw)[0] == SEVERAL
    ada = dict.fromkeys(SEVERAL, "Ada")
    (tmp_path / "patients.json").write_text(json.dumps(ada))
    assert training_patients(raw, tmp_path / "patients.json") == (ada, [])
