import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.phantom.dicom_files import Identity, write_ct, write_pet
from nnunetv2_cipa.phantom.suv_storage import stored_slices

pydicom = pytest.importorskip("pydicom")


@pytest.fixture
def volume():
    values = np.random.default_rng(0).gamma(2.0, 2.0, (9, 5, 6)).astype(np.float32)
    values[0] = 0
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((2.0, 3.0, 4.0))
    image.SetOrigin((-5.0, 6.0, 7.0))
    return image


def test_ct_slices(tmp_path, volume):
    paths = write_ct(tmp_path / "CT", volume * 100 - 1000, Identity("A", "a"), ConvolutionKernel="B60f")
    dataset = pydicom.dcmread(paths[3])
    assert dataset.ConvolutionKernel == "B60f"
    assert [float(value) for value in dataset.ImagePositionPatient] == [-5, 6, 19]
    hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    assert np.array_equal(hu, np.rint(sitk.GetArrayFromImage(volume)[3] * 100 - 1000))


def test_pet_slices_have_their_own_slope(tmp_path, volume):
    paths = write_pet(tmp_path / "PET", volume, Identity("A", "a"), "uncorrected")
    units = [stored.unit for stored in stored_slices("uncorrected", [index // 3 for index in range(9)])]
    slopes = set()
    for path, unit, expected in zip(paths, units, sitk.GetArrayFromImage(volume), strict=True):
        dataset = pydicom.dcmread(path)
        slopes.add(float(dataset.RescaleSlope))
        assert dataset.pixel_array * float(dataset.RescaleSlope) * unit == pytest.approx(expected, abs=1e-3)
    assert len(slopes) == 9


def test_uids_depend_on_the_origin_alone():
    assert Identity("A", "a").uid("x") == Identity("B", "a").uid("x") != Identity("A", "b").uid("x")
