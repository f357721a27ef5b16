import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.petct.headers import read_folder
from nnunetv2_cipa.petct.hounsfield import read_ct
from nnunetv2_cipa.petct.series import group_series

pytest.importorskip("pydicom")


def read(folder):
    (series,) = group_series(read_folder(folder).headers)
    return read_ct(series)


def test_hu_are_whole_numbers(study, phantom_images):
    ct = read(study / "CT")
    assert ct.GetPixelID() == sitk.sitkInt16
    assert np.array_equal(sitk.GetArrayFromImage(ct), sitk.GetArrayFromImage(phantom_images[0]).clip(-1024))


def pad(dataset):
    pixels = np.frombuffer(dataset.PixelData, np.uint16).copy()
    pixels[:10] = 3000
    pixels[10:20] = 3010
    return pixels.tobytes()


@pytest.mark.parametrize(("limit", "air"), [({}, 10), ({"PixelPaddingRangeLimit": 3010}, 20)])
def test_padding_is_air(study, edit, limit, air):
    edit((study / "CT").iterdir(), PixelData=pad, PixelPaddingValue=3000, **limit)
    row = sitk.GetArrayFromImage(read(study / "CT"))[:, 0, :20]
    assert (row[:, :air] == -1024).all()
    assert (row[:, air:] == 3010 - 1024).all()


def test_below_minus_1024_is_air(study, edit):
    edit((study / "CT").iterdir(), RescaleIntercept="-3024")
    values = sitk.GetArrayFromImage(read(study / "CT"))
    assert values.min() == -1024


def test_fractions_of_hu_are_kept(study, edit):
    edit((study / "CT").iterdir(), RescaleSlope="0.5")
    assert read(study / "CT").GetPixelID() == sitk.sitkFloat32
