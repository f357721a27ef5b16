import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from nibabel import Nifti1Image, Nifti2Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nifti_values import check_values


@pytest.fixture
def values():
    return np.random.default_rng(0).random((70, 60, 50))


@pytest.mark.parametrize("spoil", [lambda data: data[:-30], lambda data: data[:40] + b"?" * 20 + data[60:]])
def test_torn_and_damaged_files_are_noticed(tmp_path, values, spoil):
    file = tmp_path / "volume.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(values), str(file))
    check_values(file)
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(InputError, match=r"volume\.nii\.gz cannot be read"):
        check_values(file)


@pytest.mark.parametrize("kind", [Nifti1Image, Nifti2Image])
@pytest.mark.parametrize("type_", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_noticed(tmp_path, values, kind, type_, ending, odd):
    file = tmp_path / f"volume{ending}"
    header = kind.header_class(endianness=type_[0])
    header.set_data_dtype(type_)
    kind(values.astype(type_), np.eye(4), header).to_filename(file)
    check_values(file)
    values[-1, -1, -1] = odd
    kind(values.astype(type_), np.eye(4), header).to_filename(file)
    with pytest.raises(InputError, match="no numbers"):
        check_values(file)


def test_whole_numbers_and_other_files_pass(tmp_path):
    """Their bytes may be those of a NaN."""
    nan = np.frombuffer(struct.pack("<f", np.nan) * 8, np.int16).reshape(4, 2, 2)
    Nifti1Image(nan, np.eye(4)).to_filename(tmp_path / "volume.nii.gz")
    (tmp_path / "other.gz").write_bytes(gzip.compress(struct.pack("<f", np.nan) * 200))
    (tmp_path / "volume.mha").write_bytes(b"anything")
    for file in tmp_path.iterdir():
        check_values(file)
