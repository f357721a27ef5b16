"""Which files the viewer needs, and what is said where they are not there."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.images import Images
from nnunetv2_cipa.report.sources import find_sources


def test_finds_all_files_of_each_case(comparison):
    sources = find_sources(comparison)
    assert [case.identifier for case in sources] == [case.identifier for case in comparison.models[0].evaluation.cases]
    first = sources[0]
    assert first.reference.name == "ada_1.png"
    assert [file.parent.name for file in first.predictions] == ["model0", "model1", "model2"]
    assert [file.name for file in first.images] == ["ada_1_0000.png", "ada_1_0001.png"]
    assert len(first.files) == 6


def test_channel_names_say_which_image_is_ct(comparison):
    folder = comparison.images.folder
    swapped = replace(comparison, images=Images(folder, ".png", ("PET", "CT")))
    assert [file.name for file in find_sources(swapped)[0].images] == ["ada_1_0001.png", "ada_1_0000.png"]


def test_without_images_outlines_remain(comparison):
    assert find_sources(replace(comparison, images=None))[0].images is None


def test_another_folder_of_images_is_taken_with_the_names_in_its_dataset(comparison, tmp_path):
    shutil.copytree(comparison.images.folder, tmp_path / "moved" / "imagesTs")
    gone = replace(comparison, images=Images("/nowhere", ".png", ("CT", "PET")))
    images = find_sources(gone, tmp_path / "moved" / "imagesTs")[0].images
    assert [file.name for file in images] == ["ada_1_0000.png", "ada_1_0001.png"]
    dataset = {"channel_names": {"0": "PET", "1": "CT"}, "file_ending": ".png"}
    (tmp_path / "moved" / "dataset.json").write_text(json.dumps(dataset))
    images = find_sources(gone, tmp_path / "moved" / "imagesTs")[0].images
    assert [file.name for file in images] == ["ada_1_0001.png", "ada_1_0000.png"]


@pytest.mark.parametrize("content", ["[]", "{}", "no JSON"])
def test_a_broken_dataset_beside_the_images_is_named(comparison, tmp_path, content):
    (tmp_path / "imagesTs").mkdir()
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=r"dataset\.json is no dataset\.json of nnU-Net"):
        find_sources(comparison, tmp_path / "imagesTs")


def test_missing_files_are_counted_and_named(comparison):
    gone = replace(comparison, images=Images("/nowhere", ".png", ("CT", "PET")))
    with pytest.raises(InputError) as error:
        find_sources(gone)
    assert "14 files for the viewer are not there" in str(error.value)
    assert str(Path("/nowhere/ada_1_0000.png")) in str(error.value)
    assert str(error.value).endswith("...")
    with pytest.raises(InputError, match="is not a folder"):
        find_sources(comparison, Path("/nowhere"))
