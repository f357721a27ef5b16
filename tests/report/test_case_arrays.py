"""Arrays of a case by nnU-Net's readers: one grid, turned as radiologists look at it, and files that do not fit."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.report.case_arrays import CaseArrays, Grid, read_case
from nnunetv2_cipa.report.sources import CaseSources

VALUES = np.arange(24).reshape(2, 3, 4)


@pytest.fixture
def volume(tmp_path):
    """A function that writes a volume and returns its file."""

    def write(name, values, direction=(1, 0, 0, 0, 1, 0, 0, 0, 1)):
        image = sitk.GetImageFromArray(np.asarray(values))
        image.SetSpacing((1.0, 2.0, 5.0))
        image.SetDirection(direction)
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
        return tmp_path / f"{name}.nii.gz"

    return write


@pytest.fixture
def slices(tmp_path):
    """A function that writes a PNG and returns its file."""

    def write(name, values):
        Image.fromarray(np.asarray(values, dtype=np.uint8)).save(tmp_path / f"{name}.png")
        return tmp_path / f"{name}.png"

    return write


def test_labels_and_images_of_a_volume(volume):
    labels = volume("labels", VALUES.astype(np.uint8))
    case = CaseSources(
        "x",
        labels,
        (volume("one", (VALUES // 2).astype(np.uint8)), volume("two", np.zeros((2, 3, 4), dtype=np.uint8))),
        (volume("ct", VALUES - 1000.0), volume("pet", VALUES / 2)),
    )
    found = read_case(case, SimpleITKIO)
    assert found.grid == Grid(spacing=(5.0, 2.0, 1.0), flipped=(), is_head_last=True, has_size=True)
    assert [one.tolist() for one in found.labels] == [VALUES.tolist(), (VALUES // 2).tolist(), (0 * VALUES).tolist()]
    assert all(one.dtype == np.uint16 for one in found.labels)
    ct, pet = (read() for read in found.readers)
    assert ct.tolist() == (VALUES - 1000.0).tolist()
    assert pet.tolist() == (VALUES / 2).tolist()


@pytest.mark.parametrize(
    ("direction", "flipped", "is_head_last"),
    [
        ((-1, 0, 0, 0, 1, 0, 0, 0, 1), (2,), True),
        ((1, 0, 0, 0, -1, 0, 0, 0, 1), (1,), True),
        ((-1, 0, 0, 0, -1, 0, 0, 0, 1), (2, 1), True),
        ((-1, 0, 0, 0, 1, 0, 0, 0, -1), (2,), False),
    ],
)
def test_rows_and_columns_run_to_the_back_and_the_left(volume, direction, flipped, is_head_last):
    """Slices stay in the file's order, which the grid tells."""
    labels, image = volume("labels", VALUES.astype(np.uint8), direction), volume("ct", VALUES * 1.5, direction)
    found = read_case(CaseSources("x", labels, (labels,), (image, image)), SimpleITKIO)
    expected = VALUES
    for axis in flipped:
        expected = np.take(expected, range(expected.shape[axis] - 1, -1, -1), axis=axis)
    assert (found.grid.flipped, found.grid.is_head_last) == (flipped, is_head_last)
    assert [one.tolist() for one in found.labels] == [expected.tolist()] * 2
    assert found.readers[0]().tolist() == (expected * 1.5).tolist()


def test_a_picture_has_no_size_and_stays_as_it_is(slices):
    found = read_case(CaseSources("x", slices("labels", VALUES[1] % 3), (), None), NaturalImage2DIO)
    assert found.labels[0].tolist() == [(VALUES[1] % 3).tolist()]
    assert (found.grid.flipped, found.grid.is_head_last, found.grid.has_size) == ((), True, False)
    assert found.readers == ()


def test_nibabel_tells_sizes_too(volume):
    found = read_case(CaseSources("x", volume("labels", VALUES.astype(np.uint8)), (), None), NibabelIO)
    assert found.grid.has_size
    assert found.grid.spacing == (5.0, 2.0, 1.0)


def test_labels_that_are_nearly_whole_are_whole(volume):
    labels = volume("labels", np.float32([[[0, 0.9999999, 2.0000002]]]))
    assert read_case(CaseSources("x", labels, (), None), SimpleITKIO).labels[0].tolist() == [[[0, 1, 2]]]


def test_masks_of_the_reference_and_each_model():
    labels = tuple(np.array([[values]], dtype=np.uint16) for values in ([0, 1, 2, 3], [3, 3, 0, 1]))
    found = CaseArrays(Grid((1, 1, 1), (), True, False), labels, ()).masks((1, 3))
    assert [mask[0, 0].tolist() for mask in found] == [[False, True, False, True], [True, True, False, True]]


class TestFilesThatDoNotFit:
    @pytest.fixture
    def case(self, slices):
        mask = slices("labels", np.eye(4, 5))
        return CaseSources("x", mask, (mask,), (mask, mask))

    @pytest.fixture
    def read(self, case):
        """A function that reads the case with other files."""

        def read_with(**files):
            return read_case(CaseSources(**{**vars(case), **files}), NaturalImage2DIO)

        return read_with

    def test_a_prediction_of_another_size(self, read, slices):
        with pytest.raises(InputError, match=r"small\.png has 1x3x5 pixels, its reference 1x4x5\.$"):
            read(predictions=(slices("small", np.eye(3, 5)),))

    def test_an_image_is_refused_when_it_is_read(self, read, slices, case):
        found = read(images=(case.reference, slices("turned", np.eye(5, 4))))
        assert found.readers[0]().shape == (1, 4, 5)
        with pytest.raises(InputError, match=r"turned\.png has 1x5x4 pixels, its reference 1x4x5\.$"):
            found.readers[1]()

    @pytest.mark.parametrize("which", ["reference", "predictions"])
    def test_a_torn_file(self, read, tmp_path, case, which):
        torn = tmp_path / "torn.png"
        torn.write_bytes(case.reference.read_bytes()[:40])
        with pytest.raises(InputError, match=r"torn\.png cannot be read"):
            read(**{which: torn if which == "reference" else (torn,)})

    def test_several_channels(self, read, tmp_path):
        Image.new("RGB", (5, 4)).save(tmp_path / "colour.png")
        found = read(images=(tmp_path / "colour.png", tmp_path / "colour.png"))
        with pytest.raises(InputError, match=r"colour\.png has 3 channels"):
            found.readers[0]()
