import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.raw_dataset import read_raw_dataset

LABELS = {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}


@pytest.fixture
def folder(tmp_path):
    for name in ("imagesTr", "imagesTs", "labelsTs"):
        (tmp_path / name).mkdir()
    return tmp_path


def describe(folder, **changes):
    content = {"channel_names": {"0": "CT", "1": "PET"}, "labels": LABELS, "file_ending": ".png", **changes}
    (folder / "dataset.json").write_text(json.dumps(content))
    return read_raw_dataset(folder)


def test_cases_labels_and_kind_of_slices(folder):
    for case in ("b_1", "a_1"):
        for channel in range(2):
            Image.new("L", (20, 10)).save(folder / "imagesTr" / f"{case}_{channel:04d}.png")
    (folder / "imagesTs" / "c_1_0000.png").touch()
    (folder / "imagesTs" / "c_2_0000.png").touch()
    (folder / "labelsTs" / "c_2.png").touch()
    dataset = describe(folder)
    assert (dataset.training_cases, dataset.test_cases) == (["a_1", "b_1"], ["c_1", "c_2"])
    assert dataset.unlabelled_test_cases == ["c_1"]
    assert (dataset.foreground, dataset.channels, dataset.is_of_slices, dataset.pixels()) == ((1, 2), 2, True, 200)
    images, label = dataset.training_files()["a_1"]
    assert [path.name for path in images] == ["a_1_0000.png", "a_1_0001.png"]
    assert label == folder / "labelsTr" / "a_1.png"


def test_files_can_be_elsewhere(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    files = {"x": {"images": [str(elsewhere / "ct.png"), str(elsewhere / "pet.png")], "label": "mask.png"}}
    assert describe(tmp_path, dataset=files).training_files() == {
        "x": ([elsewhere / "ct.png", elsewhere / "pet.png"], tmp_path / "mask.png")
    }


def test_volumes_are_no_slices(folder):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 3, 4))), str(folder / "imagesTr" / "a_0000.nii.gz"))
    dataset = describe(folder, file_ending=".nii.gz")
    assert not dataset.is_of_slices
    assert dataset.pixels() == 24


def test_a_dataset_without_test_set(tmp_path):
    assert describe(tmp_path).test_cases == []


def test_unreadable_things_are_named(folder):
    with pytest.raises(InputError, match=r"dataset\.json cannot be read"):
        read_raw_dataset(folder)
    (folder / "dataset.json").write_text("{")
    with pytest.raises(InputError, match="is not valid JSON"):
        read_raw_dataset(folder)
    (folder / "dataset.json").write_text("{}")
    with pytest.raises(InputError, match="none of nnU-Net v2's"):
        read_raw_dataset(folder)
    dataset = describe(folder)
    with pytest.raises(InputError, match=r"has no images named CASE_0000\.png"):
        dataset.pixels()
    (folder / "imagesTr" / "a_0000.png").write_text("text")
    with pytest.raises(InputError, match=r"a_0000\.png cannot be read"):
        dataset.pixels()
