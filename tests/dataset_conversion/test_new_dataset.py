import json

import pytest

from nnunetv2_cipa.dataset_conversion.new_dataset import (
    new_dataset_folder,
    outdated_splits,
    remove_leftovers,
    write_patients_and_folds,
)
from nnunetv2_cipa.errors import InputError

FOLDS = [{"train": ["b_1", "c_1"], "val": ["a_1"]}, {"train": ["a_1", "b_1"], "val": ["c_1"]}]


def test_new_dataset_folder(nnunet_raw):
    assert new_dataset_folder(605, "PCLT20K") == nnunet_raw / "Dataset605_PCLT20K"
    assert new_dataset_folder(7, "PCLT20K") == nnunet_raw / "Dataset007_PCLT20K"


@pytest.mark.parametrize("value", [None, ""])
def test_nnunet_raw_must_be_set(nnunet_raw, monkeypatch, value):
    monkeypatch.delenv("nnUNet_raw") if value is None else monkeypatch.setenv("nnUNet_raw", value)
    with pytest.raises(InputError, match=r"nnUNet_raw is not set.*export nnUNet_raw="):
        new_dataset_folder(605, "PCLT20K")


@pytest.mark.parametrize("dataset_id", [-1, 0, 1000])
def test_dataset_id_out_of_range(nnunet_raw, dataset_id):
    with pytest.raises(InputError, match="from 1 to 999"):
        new_dataset_folder(dataset_id, "PCLT20K")


@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"])
def test_an_id_has_one_name(nnunet_raw, monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable, str(tmp_path / "root"))
    (tmp_path / "root" / "Dataset605_PCLT20K").mkdir(parents=True)
    new_dataset_folder(605, "PCLT20K")
    (tmp_path / "root" / "Dataset605_Other").mkdir()
    with pytest.raises(InputError, match=r"605 is used already.*Dataset605_Other.*-d"):
        new_dataset_folder(605, "PCLT20K")
    new_dataset_folder(606, "PCLT20K")


def test_leftovers_of_this_dataset_alone_are_removed(tmp_path):
    for name in (".Dataset605_PCLT20K.x1", ".Dataset606_PCLT20K.x1", "Dataset605_PCLT20K"):
        (tmp_path / name / "imagesTr").mkdir(parents=True)
    remove_leftovers(tmp_path / "Dataset605_PCLT20K")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".Dataset606_PCLT20K.x1", "Dataset605_PCLT20K"]


def test_patients_and_folds(tmp_path):
    training = {"a_1": "a", "b_1": "b", "a_2": "a", "c_1": "c"}
    folds = write_patients_and_folds(tmp_path, training, {"d_1": "d"})
    assert json.loads((tmp_path / "patients.json").read_text()) == training | {"d_1": "d"}
    assert json.loads((tmp_path / "splits_final.json").read_text()) == folds
    assert sorted(fold["val"] for fold in folds) == [["a_1", "a_2"], ["b_1"], ["c_1"]]


def test_one_patient_has_no_folds(tmp_path):
    assert write_patients_and_folds(tmp_path, {"a_1": "a", "a_2": "a"}, {"b_1": "b"}) == []
    assert [path.name for path in tmp_path.iterdir()] == ["patients.json"]


def test_outdated_splits(tmp_path, monkeypatch):
    monkeypatch.delenv("nnUNet_preprocessed", raising=False)
    assert outdated_splits("Dataset605_PCLT20K", FOLDS) is None
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path))
    assert outdated_splits("Dataset605_PCLT20K", FOLDS) is None
    path = tmp_path / "Dataset605_PCLT20K" / "splits_final.json"
    path.parent.mkdir()
    reordered = [{"train": ["c_1", "b_1"], "val": ["a_1"]}, FOLDS[1]]
    for present, same in (
        (FOLDS, True),
        (reordered, True),
        ([*FOLDS, FOLDS[0]], True),
        (FOLDS[:1], False),
        (FOLDS[::-1], False),
    ):
        path.write_text(json.dumps(present))
        assert outdated_splits("Dataset605_PCLT20K", FOLDS) == (None if same else path)
    assert outdated_splits("Dataset605_PCLT20K", []) == path


@pytest.mark.parametrize("name", ["", "a/b", "../x", "two words"])
def test_names_that_are_no_folders_are_refused(nnunet_raw, name):
    with pytest.raises(InputError, match="letters, digits"):
        new_dataset_folder(605, name)
