import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.submission.predictions import find_predictions


def test_cases_are_in_natural_order(predictions, masks):
    found = find_predictions(predictions)
    assert list(found.files) == ["a_1", "b_9", "b_10"]
    for name, mask in masks.items():
        np.testing.assert_array_equal(found.read_slice(name), mask)


def test_chosen_labels_are_the_foreground(predictions):
    (predictions / "dataset.json").unlink()
    Image.fromarray(np.array([[0, 1, 2, 3]], dtype=np.uint8)).save(predictions / "b_9.png")
    np.testing.assert_array_equal(find_predictions(predictions, [1, 2, 3]).read_slice("b_9"), [[0, 1, 1, 1]])
    with pytest.raises(InputError, match=r"values that are no labels: 3"):
        find_predictions(predictions, [1, 2]).read_slice("b_9")


def test_folders_without_predictions(tmp_path, predictions):
    with pytest.raises(InputError, match="is not a folder"):
        find_predictions(tmp_path / "none")
    for file in predictions.glob("*.png"):
        file.unlink()
    with pytest.raises(InputError, match=r"has no \.png file"):
        find_predictions(predictions)
    (predictions / "dataset.json").unlink()
    with pytest.raises(InputError, match="no label files"):
        find_predictions(predictions)


def test_volumes_are_no_slices(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 3, 4), dtype=np.uint8)), str(tmp_path / "a.nii.gz"))
    with pytest.raises(InputError, match=r"a\.nii\.gz is a volume"):
        find_predictions(tmp_path).read_slice("a")
