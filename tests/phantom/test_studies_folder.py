import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.phantom.patient import make_patient
from nnunetv2_cipa.phantom.studies_folder import make_studies, volumes


def array(image):
    return sitk.GetArrayFromImage(image)


def test_volumes_are_those_of_the_patient_from_feet_to_head():
    patient = make_patient(12, (64, 64), seed=1)
    ct, pet, label = volumes(patient)
    assert np.array_equal(array(ct), np.rint(patient.ct[::-1]))
    assert np.array_equal(array(label), patient.tumour[::-1])
    assert pet.GetSpacing() == (4.0, 4.0, 4.0)
    on_ct = array(sitk.Resample(pet, ct))[2:-2]
    assert np.corrcoef(on_ct.ravel(), patient.pet[::-1][2:-2].ravel())[0, 1] > 0.95
    hottest = np.unravel_index(patient.pet.argmax(), patient.pet.shape)
    place = ct.TransformIndexToPhysicalPoint((int(hottest[2]), int(hottest[1]), len(patient.pet) - 1 - int(hottest[0])))
    assert pet[pet.TransformPhysicalPointToIndex(place)] > 0.7 * patient.pet.max()


def test_nifti_studies(tmp_path):
    assert (
        main(["make_phantom", "-o", str(tmp_path / "a"), "--format", "nifti", "--patients", "2", "--size", "64"]) == 0
    )
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["0001", "0002", "test.txt"]
    assert (tmp_path / "a" / "test.txt").read_text() == "0002\n"
    ct, pet, label = volumes(make_patient(12, (64, 64), seed=(0, 1)))
    for name, image in (("CT", ct), ("SUV", pet), ("label", label)):
        assert np.array_equal(array(sitk.ReadImage(str(tmp_path / "a" / "0001" / f"{name}.nii.gz"))), array(image))


def test_dicom_studies(tmp_path):
    pytest.importorskip("highdicom")
    arguments = ["--format", "dicom", "--patients", "2", "--size", "64", "--suv", "philips-counts"]
    assert main(["make_phantom", "-o", str(tmp_path / "a"), *arguments]) == 0
    assert len(list((tmp_path / "a" / "0001" / "CT").iterdir())) == 12
    assert (tmp_path / "a" / "0001" / "SEG.dcm").is_file()
    assert (tmp_path / "a" / "truth" / "0001_SUV.nii.gz").is_file()
    assert main(["make_phantom", "-o", str(tmp_path / "a"), *arguments]) == 1


@pytest.mark.parametrize("counts", [(1, 12), (2, 9)])
def test_too_little_is_refused(tmp_path, counts):
    with pytest.raises(InputError):
        make_studies(tmp_path / "a", "nifti", *counts, (64, 64))
    with pytest.raises(InputError, match="Seed"):
        make_studies(tmp_path / "a", "nifti", 2, 12, (64, 64), seed=-1)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("arguments", [["--format", "nifti"], []])
def test_a_way_to_store_uptake_is_for_dicom(tmp_path, capsys, arguments):
    assert main(["make_phantom", "-o", str(tmp_path / "a"), "--patients", "2", *arguments, "--suv", "ge"]) == 1
    assert "--suv ge is for --format dicom" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
