import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.labels import ONE_CLASS, Classes, label_values, united


def values_of(array, classes=None):
    return sitk.GetArrayFromImage(label_values(sitk.GetImageFromArray(array), "mask", classes))


def test_small_whole_numbers_stay():
    array = np.array([[[0, 1, 2, 3]]], np.uint8)
    assert np.array_equal(values_of(array), array)
    assert np.array_equal(values_of(array.astype(np.float32) + 1e-4), array)


def test_classes_choose_and_number():
    array = np.array([[[0, 1, 2, 255]]], np.uint8)
    assert values_of(array, Classes({"node": ("2",), "primary": ("255", "1")})).tolist() == [[[0, 2, 1, 2]]]
    assert values_of(array, ONE_CLASS).tolist() == [[[0, 1, 1, 1]]]


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.array([[[0.0, 0.5]]]), "0.5"),
        (np.array([[[0.0, np.nan]]]), "nan"),
        (np.array([[[0, 255]]], np.int16), "--labels tumor=255"),
        (np.array([[[0, -1]]], np.int16), "-1"),
    ],
)
def test_other_values_are_refused(array, what):
    with pytest.raises(InputError, match=what):
        values_of(array)


def test_words_of_the_command_line():
    classes = Classes.parsed(["node=GTVn*,2", "primary=GTVp"])
    assert classes.number_of("gtvn_3") == 1
    assert classes.number_of("2") == 1
    assert classes.number_of("liver", "GTVp") == 2
    assert classes.number_of("liver") == 0
    assert Classes.parsed(None) is None


@pytest.mark.parametrize("word", ["tumor", "=1", "tumor="])
def test_words_of_another_form_are_refused(word):
    with pytest.raises(InputError, match="NAME=SOURCE"):
        Classes.parsed([word])


def test_unions_keep_the_higher_class():
    volumes = [
        sitk.GetImageFromArray(np.array([[[0, 1, 2]]], np.uint8)),
        sitk.GetImageFromArray(np.array([[[1, 2, 0]]], np.uint8)),
    ]
    assert sitk.GetArrayFromImage(united(volumes)).tolist() == [[[1, 2, 2]]]
