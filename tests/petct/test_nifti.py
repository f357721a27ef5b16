from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.nifti import checked_ct, checked_suv, read_grid, read_nifti

FILE = Path("image.nii.gz")


def image(values):
    return sitk.GetImageFromArray(np.array(values, dtype=np.float32).reshape(1, 2, -1))


def test_values_of_ct_and_pet():
    assert sitk.GetArrayFromImage(checked_ct(image([-3024, -1000, 40, 60]), FILE)).min() == -1024
    assert sitk.GetArrayFromImage(checked_suv(image([-0.01, 0, 3, 40]), FILE)).max() == 40


@pytest.mark.parametrize(
    ("check", "values"),
    [
        (checked_ct, [0, 100, 200, 255]),
        (checked_ct, [-1000, np.nan, 0, 0]),
        (checked_suv, [0, 0, 0, 0]),
        (checked_suv, [0, 1, np.inf, 0]),
        (checked_suv, [0, 5000, 8000, 9000]),
    ],
)
def test_other_values_are_refused(check, values):
    with pytest.raises(InputError, match=r"image\.nii\.gz"):
        check(image(values), FILE)


def test_grids_are_read_from_headers(tmp_path):
    volume = sitk.Image(4, 5, 6, sitk.sitkFloat32)
    volume.SetSpacing((1.0, 2.0, 3.0))
    volume.SetOrigin((7.0, 8.0, 9.0))
    volume.SetDirection((1, 0, 0, 0, 0, -1, 0, 1, 0))
    sitk.WriteImage(volume, str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(sitk.JoinSeries([volume]), str(tmp_path / "b.nii.gz"))
    for name in ("a", "b"):
        for found in (read_grid(tmp_path / f"{name}.nii.gz"), read_nifti(tmp_path / f"{name}.nii.gz")):
            assert found.GetSize() == (4, 5, 6)
            assert found.GetSpacing() == pytest.approx((1, 2, 3))
            assert found.GetOrigin() == pytest.approx((7, 8, 9))
            assert found.GetDirection() == pytest.approx(volume.GetDirection())


def test_what_is_no_volume_is_refused(tmp_path):
    sitk.WriteImage(sitk.Image(4, 5, sitk.sitkFloat32), str(tmp_path / "flat.nii.gz"))
    (tmp_path / "text.nii.gz").write_text("text")
    for name in ("flat", "text"):
        for read in (read_grid, read_nifti):
            with pytest.raises(InputError, match=name):
                read(tmp_path / f"{name}.nii.gz")
