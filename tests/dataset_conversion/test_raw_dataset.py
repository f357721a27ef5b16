import json

import pytest
from nnunetv2_cipa.dataset_conversion.raw_dataset import (
    dataset_folder,
    outdated_splits,
    remove_leftovers,
    write_json_files,
)

from nnunetv2_cipa.errors import InputError

FOLDS = [{"train": ["b_1", "c_1"], "val": ["a_1"]}, {"train": ["a_1", "b_1"], "val": ["c_1"]}]


def test_dataset_folder(nnunet_raw):
    assert dataset_folder(605) == nnunet_raw / "Dataset605_PCLT20K"
    assert dataset_folder(7) == nnunet_raw / "Dataset007_PCLT20K"


@pytest.mark.parametrize("value", [None, ""])
def test_nnunet_raw_must_be_set(nnunet_raw, monkeypatch, value):
    monkeypatch.delenv("nnUNet_raw") if value is None else monkeypatch.setenv("nnUNet_raw", value)
    with pytest.raises(InputError, match=r"nnUNet_raw is not set.*export nnUNet_raw="):
        dataset_folder(605)


@pytest.mark.parametrize("dataset_id", [-1, 0, 1000])
def test_dataset_id_out_of_range(nnunet_raw, dataset_id):
    with pytest.raises(InputError, match="from 1 to 999"):
        dataset_folder(dataset_id)


@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"])
def test_an_id_has_one_name(nnunet_raw, monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable, str(tmp_path / "root"))
    (tmp_path / "root" / "Dataset605_PCLT20K").mkdir(parents=True)
    dataset_folder(605)
    (tmp_path / "root" / "Dataset605_Other").mkdir()
    with pytest.raises(InputError, match=r"605 is used already.*Dataset605_Other.*-d"):
        dataset_folder(605)
    dataset_folder(606)


def test_leftovers_of_this_dataset_alone_are_removed(tmp_path):
    for name in (".Dataset605_PCLT20K.x1", ".Dataset606_PCLT20K.x1", "Dataset605_PCLT20K"):
        (tmp_path / name / "imagesTr").mkdir(parents=True)
    remove_leftovers(tmp_path / "Dataset605_PCLT20K")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".Dataset606_PCLT20K.x1", "Dataset605_PCLT20K"]


@pytest.mark.parametrize(
    ("normalization", "names"), [("stock", ["CT", "PET"]), ("fixed", ["rgb_to_0_1", "rgb_to_0_1"])]
)
def test_json_files(tmp_path, normalization, names):
    write_json_files(tmp_path, normalization, FOLDS, num_training=3)
    dataset = json.loads((tmp_path / "dataset.json").read_text())
    assert dataset["channel_names"] == {"0": names[0], "1": names[1]}
    assert dataset["modalities"] == ["CT", "PET"]
    assert dataset["labels"] == {"background": 0, "tumor": 1}
    assert dataset["numTraining"] == 3
    assert dataset["file_ending"] == ".png"
    assert json.loads((tmp_path / "splits_final.json").read_text()) == FOLDS


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
