import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.labels import Classes
from nnunetv2_cipa.petct.segmentation_files import BY_HAND, Algorithm, write_segmentation
from nnunetv2_cipa.petct.segmentations import read_segmentation

highdicom = pytest.importorskip("highdicom")


def frame_of(path):
    return str(highdicom.seg.segread(path).FrameOfReferenceUID)


@pytest.mark.parametrize("names", [["tumor"], ["primary tumour, left", "node [2]"]])
def test_what_is_written_reads_back(study, phantom_images, tmp_path, names):
    label = sitk.Cast(phantom_images[2], sitk.sitkUInt8) * len(names)
    write_segmentation(tmp_path / "seg.dcm", label, list((study / "CT").iterdir()), names, Algorithm("test", "1"))
    classes = Classes({"a": (names[0].replace("[", "?").replace("]", "?"),), "b": ("node*",)})
    back = read_segmentation(tmp_path / "seg.dcm", classes, frame_of(tmp_path / "seg.dcm"))
    assert np.array_equal(sitk.GetArrayFromImage(back), sitk.GetArrayFromImage(label))


def test_masks_on_the_pet_grid_are_brought_to_the_ct(study, phantom_images, tmp_path):
    ct, pet, _ = phantom_images
    mask = sitk.Cast(pet > 4, sitk.sitkUInt8)
    write_segmentation(tmp_path / "seg.dcm", mask, list((study / "CT").iterdir()), ["tumor"], BY_HAND)
    volume = highdicom.seg.segread(tmp_path / "seg.dcm").get_volume(combine_segments=True)
    expected = sitk.Resample(mask, ct, sitk.Transform(), sitk.sitkNearestNeighbor)
    assert volume.array.sum() == sitk.GetArrayFromImage(expected).sum()


def test_slices_of_two_series_are_refused(study, phantom_images, tmp_path):
    slices = [*(study / "CT").iterdir(), *(study / "PET").iterdir()]
    with pytest.raises(InputError, match="not one series"):
        write_segmentation(tmp_path / "seg.dcm", phantom_images[2], slices, ["tumor"], BY_HAND)
