import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.labels import Classes
from nnunetv2_cipa.petct.nifti_case import NiftiCase


@pytest.fixture
def case(tmp_path, phantom_images):
    for name, image in zip(("ct", "pet", "label"), phantom_images, strict=True):
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    return NiftiCase("1", "1", *(tmp_path / f"{name}.nii.gz" for name in ("ct", "pet", "label")))


def test_volumes_are_read_as_they_are(case, phantom_images):
    volumes = case.read()
    assert np.array_equal(sitk.GetArrayFromImage(volumes.pet), sitk.GetArrayFromImage(phantom_images[1]))
    assert np.array_equal(sitk.GetArrayFromImage(volumes.labels[0]), sitk.GetArrayFromImage(phantom_images[2]))
    assert case.labelled
    assert not case.without_label().read().labels


@pytest.mark.parametrize("of", ["ct", "pet"])
def test_labels_on_either_grid(case, phantom_images, of):
    like = phantom_images[0 if of == "ct" else 1]
    label = sitk.Resample(phantom_images[2], like, sitk.Transform(), sitk.sitkNearestNeighbor)
    sitk.WriteImage(sitk.Flip(label, [True, False, False]), str(case.label))
    case.choose()
    assert case.read().labels[0].GetSize() == like.GetSize()


def test_labels_on_another_grid_are_refused_by_their_header(case, phantom_images):
    sitk.WriteImage(phantom_images[2][1:], str(case.label))
    with pytest.raises(InputError, match="neither"):
        case.choose()


def test_volumes_of_different_places_are_refused(case, phantom_images):
    far = sitk.Image(phantom_images[1])
    far.SetOrigin((0.0, 0.0, 1000.0))
    sitk.WriteImage(far, str(case.pet))
    with pytest.raises(InputError, match="in common"):
        case.choose()


def test_classes_of_values(case, phantom_images):
    classes = Classes({"a": ("2",), "b": ("1",)})
    label = NiftiCase("1", "1", case.ct, case.pet, case.label, classes=classes).read().labels[0]
    assert np.array_equal(sitk.GetArrayFromImage(label), 2 * sitk.GetArrayFromImage(phantom_images[2]))
