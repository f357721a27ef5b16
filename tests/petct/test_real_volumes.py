"""Three real studies, written as DICOM in the manner of several vendors, and read back."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.petct.dicom_studies import find_dicom_studies
from nnunetv2_cipa.petct.nifti_case import NiftiCase
from nnunetv2_cipa.petct.segmentation_files import BY_HAND, write_segmentation
from nnunetv2_cipa.petct.volumes import on_one_grid
from nnunetv2_cipa.phantom.dicom_files import Identity, write_ct, write_pet

pytest.importorskip("highdicom")


@pytest.mark.parametrize(
    ("patient", "storage"), [("STS_019", "siemens"), ("STS_025", "ge"), ("STS_035", "uncorrected")]
)
def test_dicom_and_nifti_of_a_real_study_give_the_same_case(shared_data, tmp_path, patient, storage):
    folder = shared_data / "sts_volumes" / patient
    ct, pet = (sitk.ReadImage(str(folder / f"{kind}_image.nii.gz")) for kind in ("CT", "PET"))
    label = sitk.Cast(sitk.ReadImage(str(folder / "CT_mask.nii.gz")), sitk.sitkUInt8)
    identity = Identity(patient, patient)
    slices = write_ct(tmp_path / "CT", ct, identity)
    write_pet(tmp_path / "PET", pet, identity, storage)
    write_segmentation(tmp_path / "SEG.dcm", label, slices, ["GTV"], BY_HAND)
    (case,) = find_dicom_studies(tmp_path).cases
    from_dicom = on_one_grid(case.read(), "ct")
    nifti = NiftiCase(
        patient, patient, folder / "CT_image.nii.gz", folder / "PET_image.nii.gz", folder / "CT_mask.nii.gz"
    )
    from_nifti = on_one_grid(nifti.read(), "ct")
    assert from_dicom.ct.GetSize() == from_nifti.ct.GetSize()
    for one, other, tolerance in (
        (from_dicom.ct, from_nifti.ct, 0.5),
        (from_dicom.pet, from_nifti.pet, 1e-3 * sitk.GetArrayFromImage(pet).max()),
        (from_dicom.label, from_nifti.label, 0),
    ):
        assert np.abs(sitk.GetArrayFromImage(one).astype(float) - sitk.GetArrayFromImage(other)).max() <= tolerance
    assert sitk.GetArrayFromImage(case.read().pet).max() == pytest.approx(sitk.GetArrayFromImage(pet).max(), rel=1e-3)
