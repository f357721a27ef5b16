"""Saved probabilities: what their channels mean, where they lie, and what is refused."""

import json
import pickle

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import (
    Classes,
    find_probabilities,
    read_classes,
    read_geometry,
    read_probabilities,
    validation_folders,
)

TUMOUR = Classes({"background": 0, "tumour": 1}, None, ".png")
TWO = Classes({"background": 0, "node": 2, "tumour": 1, "ignore": 3}, None, ".nii.gz")
REGIONS = Classes({"background": 0, "whole": (1, 2), "core": (2,)}, (1, 2), ".nii.gz")


def test_channels_follow_label_values_and_regions_their_order():
    assert (TUMOUR.names, TUMOUR.channels, TUMOUR.ignored) == (("tumour",), 2, None)
    assert (TWO.names, TWO.channels, TWO.ignored) == (("tumour", "node"), 3, 3)
    assert (REGIONS.names, REGIONS.channels, REGIONS.has_regions) == (("whole", "core"), 2, True)


def test_masks_and_foreground():
    probabilities = np.array([[0.5, 0.2, 0.1], [0.3, 0.7, 0.2], [0.2, 0.1, 0.7]], dtype=np.float32).reshape(3, 1, 1, 3)
    segmentation = TWO.segmentation(probabilities)
    assert segmentation.ravel().tolist() == [0, 1, 2]
    assert TWO.masks(segmentation)[:, 0, 0].tolist() == [[False, True, False], [False, False, True]]
    assert TWO.foreground(probabilities).shape == (2, 1, 1, 3)
    assert TWO.any_foreground(probabilities).ravel() == pytest.approx([0.5, 0.8, 0.9])
    regions = probabilities[:2]
    assert REGIONS.any_foreground(regions).ravel() == pytest.approx([0.5, 0.7, 0.2])
    assert REGIONS.masks(np.array([0, 1, 2])).tolist() == [[False, True, True], [False, False, True]]


def test_probability_of_label_values():
    labels = np.array([0.25, 0.5, 0.125]).reshape(3, 1, 1, 1).astype(np.float32)
    assert [TWO.probability_of(values, labels).item() for values in ([1], [2], [1, 2])] == [0.5, 0.125, 0.625]
    regions = np.array([0.75, 0.5]).reshape(2, 1, 1, 1).astype(np.float32)
    for values, expected in (([1, 2], 0.75), ([2], 0.5), ([1], 0.75)):  # no region is within 1; "whole" has it
        assert REGIONS.probability_of(values, regions).item() == expected


def test_classes_are_read_from_dataset_json(tmp_path):
    file = tmp_path / "dataset.json"
    file.write_text(json.dumps({"labels": {"background": 0, "tumour": 1}, "file_ending": ".png"}))
    assert read_classes(file) == TUMOUR
    for content in ({}, {"labels": {"tumour": 1}, "file_ending": ".png"}, [], {"labels": 3, "file_ending": ".png"}):
        file.write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"no dataset\.json"):
            read_classes(file)
    file.write_text(json.dumps({"labels": {"background": 0}, "file_ending": ".png"}))
    with pytest.raises(InputError, match="no label but background"):
        read_classes(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_classes(tmp_path / "none.json")


def test_files_are_read_as_float32(tmp_path):
    values = np.full((2, 1, 3, 4), 0.5, dtype=np.float16)
    np.savez_compressed(tmp_path / "a.npz", probabilities=values)
    found = find_probabilities(tmp_path)
    assert list(found) == ["a"]
    read = read_probabilities(found["a"], TUMOUR)
    assert read.dtype == np.float32
    assert (read == values).all()


def test_rounding_to_16_bits_is_undone(tmp_path):
    foreground = np.random.default_rng(0).random((1, 30, 40))
    values = np.stack([1 - foreground, foreground]).astype(np.float16)
    assert (values.astype(np.float32).sum(axis=0) != 1).any()
    np.savez_compressed(tmp_path / "a.npz", probabilities=values)
    read = read_probabilities(tmp_path / "a.npz", TUMOUR)
    assert read.sum(axis=0) == pytest.approx(np.ones((1, 30, 40)), abs=1e-6)
    assert read[1] == pytest.approx(foreground, abs=1e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"softmax": np.zeros((2, 1, 3, 4))}, "holds no probabilities"),
        ({"probabilities": np.zeros((3, 1, 3, 4))}, r"shape \(3, 1, 3, 4\).*\(2, D, H, W\)"),
        ({"probabilities": np.full((2, 1, 3, 4), 1.5)}, "from 0 to 1"),
        ({"probabilities": np.full((2, 1, 3, 4), np.nan)}, "from 0 to 1"),
        ({"probabilities": np.full((2, 1, 3, 4), 0.4)}, "do not add up to 1"),
    ],
)
def test_other_content_is_refused(tmp_path, content, message):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(InputError, match=message):
        read_probabilities(tmp_path / "a.npz", TUMOUR)


def test_torn_and_missing_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", probabilities=np.zeros((2, 1, 30, 40)))
    torn = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(torn[: len(torn) // 2])
    with pytest.raises(InputError, match=r"a\.npz cannot be read"):
        read_probabilities(tmp_path / "a.npz", TUMOUR)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="--save_probabilities"):
        find_probabilities(tmp_path / "empty")
    with pytest.raises(InputError, match="not a folder"):
        find_probabilities(tmp_path / "none")
    with pytest.raises(InputError, match=r"a\.pkl cannot be read"):
        read_geometry(tmp_path / "a.npz")


@pytest.mark.parametrize("reader", [SimpleITKIO, NibabelIO, NibabelIOWithReorient])
def test_the_place_in_space_is_the_files_whichever_reader_nnunet_used(tmp_path, reader):
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.float32).reshape(3, 4, 5))
    image.SetSpacing((1.0, 2.0, 3.5))
    image.SetOrigin((-10.0, 20.0, 5.0))
    image.SetDirection((0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    values, properties = reader().read_images([str(tmp_path / "a.nii.gz")])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(properties))
    geometry = read_geometry(tmp_path / "a.npz")
    placed = sitk.GetImageFromArray(values[0])
    placed.SetSpacing(geometry.spacing)
    placed.SetOrigin(geometry.origin)
    placed.SetDirection(geometry.direction)
    back = sitk.Resample(placed, image, sitk.Transform(), sitk.sitkNearestNeighbor, -1)
    assert (sitk.GetArrayFromImage(back) == sitk.GetArrayFromImage(image)).all()
    assert nibabel.load(tmp_path / "a.nii.gz").shape == (5, 4, 3)


def test_pictures_have_no_place(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"spacing": (999, 1, 1)}))
    assert read_geometry(tmp_path / "a.npz") is None


def test_validation_folders(tmp_path):
    for fold in ("0", "1", "10", "all"):
        (tmp_path / f"fold_{fold}" / "validation").mkdir(parents=True)
    (tmp_path / "fold_2").mkdir()
    assert sorted(validation_folders(tmp_path)) == [0, 1, 10]
    assert validation_folders(tmp_path, [1]) == {1: tmp_path / "fold_1" / "validation"}
    with pytest.raises(InputError, match=r"no validation of the folds \[2\]"):
        validation_folders(tmp_path, [0, 2])
    with pytest.raises(InputError, match="Is it a model's folder"):
        validation_folders(tmp_path / "fold_0")
    with pytest.raises(InputError, match="not a folder"):
        validation_folders(tmp_path / "none")
