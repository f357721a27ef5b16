import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.submission.mask_files import write_nifti_masks, write_png_masks
from nnunetv2_cipa.submission.predictions import find_predictions

PLACE = {"SetSpacing": (2.0, 3.0, 4.0), "SetOrigin": (-5.0, 6.0, 7.0), "SetDirection": (-1, 0, 0, 0, 0, 1, 0, 1, 0)}


def placed(array):
    image = sitk.GetImageFromArray(np.asarray(array, dtype=np.uint8))
    for name, value in PLACE.items():
        getattr(image, name)(value)
    return image


def assert_placed(image):
    for name, value in PLACE.items():
        assert getattr(image, name.replace("Set", "Get"))() == pytest.approx(value)


def test_png_masks_have_their_value(predictions, masks, tmp_path):
    write_png_masks(tmp_path, find_predictions(predictions), 255)
    for name, mask in masks.items():
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), mask * 255)


def test_slices_are_stacked_by_number(predictions, masks, tmp_path):
    write_nifti_masks(tmp_path, find_predictions(predictions), 1)
    assert sorted(file.name for file in tmp_path.glob("*.nii.gz")) == ["a.nii.gz", "b.nii.gz"]
    stack = sitk.ReadImage(str(tmp_path / "b.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(stack), np.stack([masks["b_9"], masks["b_10"]]))
    assert stack.GetPixelID() == sitk.sitkUInt8
    assert stack.GetSpacing() == (1, 1, 1)


def test_stacks_get_the_place_of_their_image(predictions, tmp_path):
    sitk.WriteImage(placed(np.zeros((1, 4, 6))), str(tmp_path / "a.mha"))
    sitk.WriteImage(placed(np.zeros((2, 4, 6))), str(tmp_path / "b_0000.nii.gz"))
    (tmp_path / "out").mkdir()
    write_nifti_masks(tmp_path / "out", find_predictions(predictions), 255, images=tmp_path)
    stack = sitk.ReadImage(str(tmp_path / "out" / "b.nii.gz"))
    assert_placed(stack)
    assert set(np.unique(sitk.GetArrayFromImage(stack))) == {0, 255}


def test_stacks_that_fit_no_image_are_named(predictions, tmp_path):
    sitk.WriteImage(placed(np.zeros((3, 4, 6))), str(tmp_path / "b.nii.gz"))
    with pytest.raises(InputError, match=r"(?s)has no image of a\..*b has predictions of 6x4x2 .* has 6x4x3"):
        write_nifti_masks(tmp_path, find_predictions(predictions), 1, images=tmp_path)
    (tmp_path / "a.mha").write_text("no image")
    with pytest.raises(InputError, match=r"a\.mha cannot be read"):
        write_nifti_masks(tmp_path, find_predictions(predictions), 1, images=tmp_path)


def test_slices_of_several_sizes_do_not_stack(predictions, tmp_path):
    Image.fromarray(np.zeros((5, 5), dtype=np.uint8)).save(predictions / "b_11.png")
    with pytest.raises(InputError, match=r"b has slices of several sizes: \(4, 6\), \(5, 5\)"):
        write_nifti_masks(tmp_path, find_predictions(predictions), 1)


def test_patients_can_be_given(predictions, tmp_path):
    given = {"a_1": "Ada", "b_9": "Bert", "b_10": "Bert"}
    write_nifti_masks(tmp_path, find_predictions(predictions), 1, patients=given)
    assert sitk.ReadImage(str(tmp_path / "Ada.nii.gz")).GetSize() == (6, 4, 1)
    assert sitk.ReadImage(str(tmp_path / "Bert.nii.gz")).GetSize() == (6, 4, 2)
    with pytest.raises(InputError, match="1 slices are in no list of patients:\nb_10"):
        write_nifti_masks(tmp_path, find_predictions(predictions), 1, patients={"a_1": "Ada", "b_9": "Ada"})


def test_slices_that_are_missing_are_empty_and_the_others_in_their_place(predictions, masks, tmp_path):
    (predictions / "b_9.png").rename(predictions / "b_7.png")
    write_nifti_masks(tmp_path, find_predictions(predictions), 1)
    volume = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "b.nii.gz")))
    empty = np.zeros_like(masks["b_9"])
    np.testing.assert_array_equal(volume, np.stack([masks["b_9"], empty, empty, masks["b_10"]]))


@pytest.mark.parametrize("reader", ["SimpleITKIO", "NibabelIOWithReorient"])
def test_volumes_keep_their_place(tmp_path, reader):
    folder = tmp_path / "in"
    folder.mkdir()
    values = np.arange(24).reshape(2, 3, 4) % 3
    sitk.WriteImage(placed(values), str(folder / "a.nii.gz"))
    (folder / "dataset.json").write_text(
        f'{{"file_ending": ".nii.gz", "labels": {{"background": 0, "x": 1, "y": 2}}, '
        f'"overwrite_image_reader_writer": "{reader}"}}'
    )
    write_nifti_masks(tmp_path, find_predictions(folder, [2]), 255)
    mask = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), (values == 2) * 255)
    assert_placed(mask)
    for options in ({"images": tmp_path}, {"patients": {"a": "Ada"}}):
        with pytest.raises(InputError, match="leave out --like and --patients"):
            write_nifti_masks(tmp_path, find_predictions(folder, [2]), 1, **options)
