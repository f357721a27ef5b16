"""Reading label files, and what is refused."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO, SimpleITKIOWithReorient
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_images import Labels, read_pair

VALUES = np.array([[0, 1, 2], [1, 0, 3]], dtype=np.uint8)
LABELS = Labels(foreground=(1, 2), allowed=frozenset({0, 1, 2}), ignored=3)


@pytest.fixture
def pair(tmp_path, write):
    """A function that writes two files and reads them as a pair."""

    def read(reference, prediction, ending=".png", reader=NaturalImage2DIO, labels=LABELS, **grid_of_prediction):
        write(tmp_path / f"reference{ending}", reference, (3.0, 2.0, 1.5)[-np.ndim(reference) :])
        grid = {"spacing": (3.0, 2.0, 1.5)[-np.ndim(prediction) :]} | grid_of_prediction
        write(tmp_path / f"prediction{ending}", prediction, **grid)
        return read_pair(tmp_path / f"reference{ending}", tmp_path / f"prediction{ending}", reader, labels)

    return read


def test_png(pair):
    masks = pair(VALUES, np.full((2, 3), 2))
    assert masks.reference.tolist() == [[False, True, True], [True, False, False]]
    assert masks.prediction.tolist() == [[True, True, True], [True, True, False]]
    assert masks.counted.tolist() == [[True, True, True], [True, True, False]]
    assert masks.spacing is None


def test_without_an_ignore_label_all_counts(pair):
    assert pair(VALUES % 2, VALUES % 2, labels=Labels()).counted is None


@pytest.mark.parametrize("reader", [SimpleITKIO, SimpleITKIOWithReorient, NibabelIO, NibabelIOWithReorient])
def test_volume(pair, reader):
    volume = np.stack([VALUES, np.zeros_like(VALUES), np.zeros_like(VALUES), np.zeros_like(VALUES)])
    masks = pair(volume, volume % 3, ".nii.gz", reader)
    assert masks.reference.shape == (4, 2, 3)
    assert masks.reference.sum() == 3
    assert masks.spacing == pytest.approx((3.0, 2.0, 1.5))


def test_slice_with_a_spacing(pair):
    masks = pair(VALUES, VALUES % 3, ".nii.gz", SimpleITKIO)
    assert masks.reference.shape == (2, 3)
    assert masks.spacing == pytest.approx((2.0, 1.5))


def test_volume_of_one_slice_stays_a_volume(pair):
    masks = pair(VALUES[None], VALUES[None] % 3, ".nii.gz", SimpleITKIO)
    assert masks.reference.shape == (1, 2, 3)
    assert masks.spacing == pytest.approx((3.0, 2.0, 1.5))


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"spacing": (3.0, 2.0, 1.6)}, "spacing is"),
        ({"origin": (0.0, 0.0, 12.0)}, "lies elsewhere in space"),
    ],
)
def test_other_grid(pair, grid, message):
    volume = np.zeros((2, 4, 5))
    with pytest.raises(InputError, match=rf"prediction\.nii\.gz does not fit .*reference\.nii\.gz: .*{message}"):
        pair(volume, volume, ".nii.gz", SimpleITKIO, **grid)


def test_other_shape(pair):
    with pytest.raises(InputError, match="it has 3x2 pixels, not 2x3"):
        pair(np.zeros((2, 3)), np.zeros((3, 2)))


def test_slice_against_volume(pair):
    with pytest.raises(InputError, match="it has 2x3 pixels, not 4x2x3"):
        pair(np.zeros((4, 2, 3)), np.zeros((2, 3)), ".nii.gz", SimpleITKIO)


def test_values_that_are_no_labels_in_both_files(pair):
    with pytest.raises(InputError) as caught:
        pair(VALUES + 1, VALUES)  # 3 is ignored in a reference, but never predicted
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("reference.png has values that are no labels: 4 (labels: 0, 1, 2, 3)")
    assert lines[1].endswith("prediction.png has values that are no labels: 3 (labels: 0, 1, 2)")


def test_fractions_are_no_labels(tmp_path):
    image = sitk.GetImageFromArray(np.array([[[0.0, 0.5, 1.0]]], dtype=np.float32))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    with pytest.raises(InputError, match=r"no labels: 0\.5 "):
        read_pair(tmp_path / "a.nii.gz", tmp_path / "a.nii.gz", SimpleITKIO, Labels())


@pytest.mark.parametrize("close", [0.9999999, 1.0009, 0.9991])
def test_values_as_good_as_labels_are_taken_for_them(tmp_path, close):
    image = sitk.GetImageFromArray(np.array([[[0.0, close, 1.0]]], dtype=np.float32))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    masks = read_pair(tmp_path / "a.nii.gz", tmp_path / "a.nii.gz", SimpleITKIO, Labels())
    assert masks.reference.tolist() == masks.prediction.tolist() == [[[False, True, True]]]


@pytest.mark.parametrize("value", ["0.9985", "1.0015", "-0.5"])
def test_values_that_are_refused_are_shown_as_they_are(tmp_path, value):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((1, 2, 2), value, dtype=np.float32)), str(tmp_path / "a.nii.gz"))
    with pytest.raises(InputError, match=f"no labels: {value} "):
        read_pair(tmp_path / "a.nii.gz", tmp_path / "a.nii.gz", SimpleITKIO, Labels())


def test_labels_that_are_no_numbers_are_refused(tmp_path):
    """ITK reads them as background."""
    values = np.ones((2, 3, 4), dtype=np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / "whole.nii.gz"))
    values[1, 1, 1] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / "broken.nii.gz"))
    with pytest.raises(InputError, match=r"broken\.nii\.gz has voxels that are no numbers"):
        read_pair(tmp_path / "whole.nii.gz", tmp_path / "broken.nii.gz", SimpleITKIO, Labels())


def test_parts_are_masks_of_their_own(pair):
    labels = Labels((1, 2), frozenset({0, 1, 2}), 3, (("tumour", (1,)), ("both", (1, 2))))
    masks = pair(VALUES, np.full((2, 3), 2), labels=labels)
    assert masks.parts["tumour"].reference.tolist() == [[False, True, False], [True, False, False]]
    assert not masks.parts["tumour"].prediction.any()
    assert masks.parts["both"].prediction.tolist() == masks.prediction.tolist()


def test_colours(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png has 3 channels"):
        read_pair(tmp_path / "a.png", tmp_path / "a.png", NaturalImage2DIO, Labels())


@pytest.mark.parametrize(("ending", "reader"), [(".png", NaturalImage2DIO), (".nii.gz", SimpleITKIO)])
def test_unreadable(tmp_path, write, ending, reader):
    write(tmp_path / f"whole{ending}", np.random.default_rng(0).integers(0, 2, (64, 64)))
    whole = (tmp_path / f"whole{ending}").read_bytes()
    (tmp_path / f"half{ending}").write_bytes(whole[: len(whole) // 2])
    (tmp_path / f"empty{ending}").touch()
    with pytest.raises(InputError) as caught:
        read_pair(tmp_path / f"half{ending}", tmp_path / f"empty{ending}", reader, Labels())
    half, empty = str(caught.value).splitlines()
    assert f"half{ending} cannot be read: " in half
    assert f"empty{ending} cannot be read: " in empty
