"""Images beside label files, as nnU-Net lays them out."""

import json

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.images import Images, images_in, images_of_labels

DATASET = {"channel_names": {"1": "PET", "0": "CT"}, "file_ending": ".png"}


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """A raw dataset without files."""
    monkeypatch.setenv("nnUNet_raw", str(tmp_path))
    folder = tmp_path / "Dataset777_Made"
    for name in ("imagesTr", "labelsTr", "imagesTs", "labelsTs"):
        (folder / name).mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps(DATASET))
    return folder


def test_channels_are_in_the_order_of_their_numbers(raw):
    assert images_in(raw / "imagesTs") == Images(str(raw / "imagesTs"), ".png", ("CT", "PET"))


def test_modalities_say_more_than_names_that_choose_a_normalisation(raw):
    names = {"0": "CT", "1": "CT"}
    (raw / "dataset.json").write_text(json.dumps({**DATASET, "channel_names": names, "modalities": ["PET", "CT"]}))
    assert images_in(raw / "imagesTs").channel_names == ("PET", "CT")
    by_channel = {"1": "CT", "0": "PET"}
    (raw / "dataset.json").write_text(json.dumps({**DATASET, "channel_names": names, "modalities": by_channel}))
    assert images_in(raw / "imagesTs").channel_names == ("PET", "CT")


def test_images_belong_to_label_files(raw, tmp_path):
    assert images_of_labels(raw / "labelsTs", "any") == images_in(raw / "imagesTs")
    copies = tmp_path / "preprocessed" / "gt_segmentations"
    copies.mkdir(parents=True)
    assert images_of_labels(copies, "Dataset777_Made") == images_in(raw / "imagesTr")


def test_elsewhere_they_are_not_known(raw, tmp_path, monkeypatch):
    (tmp_path / "masks").mkdir()
    assert images_of_labels(tmp_path / "masks", "Dataset777_Made") is None
    (raw / "imagesTs").rmdir()
    assert images_of_labels(raw / "labelsTs", "Dataset777_Made") is None
    monkeypatch.delenv("nnUNet_raw")
    assert images_of_labels(tmp_path / "gt_segmentations", "Dataset777_Made") is None


@pytest.mark.parametrize("content", ["[]", "{}", "no JSON", '{"channel_names": 1, "file_ending": ".png"}'])
def test_a_broken_dataset_is_named(raw, content):
    (raw / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=r"dataset\.json is no dataset\.json of nnU-Net"):
        images_in(raw / "imagesTs")
    assert images_of_labels(raw / "labelsTs", "any") is None


def test_what_is_not_there_is_named(raw):
    with pytest.raises(InputError, match="imagesXx is not a folder"):
        images_in(raw / "imagesXx")
    (raw / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"dataset\.json cannot be read"):
        images_in(raw / "imagesTs")
