import shutil

import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.petct.dicom_studies import clean, find_dicom_studies
from nnunetv2_cipa.phantom.dicom_files import Identity, write_ct, write_pet

pydicom = pytest.importorskip("pydicom")


@pytest.fixture
def several(tmp_path, phantom_images):
    """Three studies of two patients, all of their files in one folder."""
    ct, pet, _ = phantom_images
    folder = tmp_path / "pool"
    folder.mkdir()
    for patient, origin, date in (
        ("A/1", "first", "20240305"),
        ("A/1", "second", "20240405"),
        ("A 1", "third", "20240305"),
    ):
        identity = Identity(patient, origin)
        write_ct(tmp_path / origin / "CT", ct, identity, StudyDate=date)
        write_pet(tmp_path / origin / "PET", pet, identity, "siemens", StudyDate=date)
        for kind in ("CT", "PET"):
            for path in (tmp_path / origin / kind).iterdir():
                path.rename(folder / f"{origin}_{kind}_{path.name}")
        shutil.rmtree(tmp_path / origin)
    return folder


def test_studies_of_one_folder_are_told_apart(several):
    found = find_dicom_studies(several)
    assert len(found.cases) == 3
    assert len({case.name for case in found.cases}) == 3
    patients = [case.patient for case in found.cases]
    assert len(set(patients)) == 2
    assert sorted(map(patients.count, set(patients))) == [1, 2]
    for case in found.cases:
        assert len(case.choose()["pet"])
        assert clean(case.name) == case.name


def test_identifiers_have_no_patient_ids_if_anonymous(several):
    names = [case.name for case in find_dicom_studies(several, anonymous=True).cases]
    assert names == ["patient0001_1", "patient0001_2", "patient0002_1"] or names == [
        "patient0001_1",
        "patient0002_1",
        "patient0002_2",
    ]


def test_a_running_number_is_no_other_patients_identifier(several, edit):
    edit(several.glob("first_*"), PatientID="patient0002")
    edit(several.glob("second_*"), PatientID="???")
    edit(several.glob("third_*"), PatientID="zz")
    patients = sorted(case.patient for case in find_dicom_studies(several).cases)
    assert patients == ["patient0001", "patient0002", "zz"]
    edit(several.glob("second_*"), PatientID="~")  # sorted behind the others
    edit(several.glob("first_*"), PatientID="patient0003")
    patients = sorted(case.patient for case in find_dicom_studies(several).cases)
    assert patients == ["patient0003", "patient0004", "zz"]


def test_a_damaged_file_of_one_study_leaves_the_others(several):
    broken = next(several.glob("first_PET_*"))
    broken.write_bytes(broken.read_bytes()[:-3000])
    found = find_dicom_studies(several)
    faults = []
    for case in found.cases:
        try:
            case.choose()
        except ValueError as error:
            faults.append(str(error))
    assert len(faults) == 1
    assert broken.name in faults[0]
    assert any(broken.name in note for note in found.notes)


def test_other_files_are_counted_and_studies_without_pet_named(study, phantom_images):
    (study / "readme.txt").write_text("text")
    write_ct(study.parent / "study" / "other", phantom_images[0], Identity("B", "other"))
    found = find_dicom_studies(study)
    assert len(found.cases) == 1
    assert any("1 files are no DICOM" in note for note in found.notes)
    assert any("has no PET" in note for note in found.notes)


def test_a_seg_in_a_study_of_its_own_finds_its_study(study):
    path = study / "SEG.dcm"
    dataset = pydicom.dcmread(path)
    dataset.StudyInstanceUID = "1.2.3.4"
    dataset.save_as(path)
    (case,) = find_dicom_studies(study).cases
    assert case.label_files == (path,)


@pytest.mark.parametrize("name", ["mask.nii.gz", "anything.nii"])
def test_a_nifti_label_in_the_studys_folder(study, phantom_images, name):
    (study / "SEG.dcm").unlink()
    sitk.WriteImage(phantom_images[2], str(study / name))
    (case,) = find_dicom_studies(study.parent).cases
    assert [path.name for path in case.label_files] == [name]


def test_the_images_as_nifti_beside_the_study_are_no_labels(study, phantom_images):
    (study / "SEG.dcm").unlink()
    for name, image in zip(("CT.nii.gz", "pat_SUV.nii.gz"), phantom_images[:2], strict=True):
        sitk.WriteImage(image, str(study / name))
    (case,) = find_dicom_studies(study).cases
    assert not case.labelled
    sitk.WriteImage(phantom_images[2], str(study / "drawn.nii.gz"))
    (case,) = find_dicom_studies(study).cases
    assert [path.name for path in case.label_files] == ["drawn.nii.gz"]


def test_nifti_labels_elsewhere_are_named_after_the_patient_or_case(study, phantom_images):
    (study / "SEG.dcm").unlink()
    for name in ("Pat_1", "Pat_1_20240305", "study"):
        (labels := study.parent / "labels").mkdir()
        sitk.WriteImage(phantom_images[2], str(labels / f"{name}.nii.gz"))
        sitk.WriteImage(phantom_images[2], str(labels / "someone_else.nii.gz"))
        (case,) = find_dicom_studies(study.parent).cases
        assert [path.name for path in case.label_files] == [f"{name}.nii.gz"]
        shutil.rmtree(labels)


def test_several_nifti_labels_need_a_pattern(study, phantom_images):
    (study / "SEG.dcm").unlink()
    for name in ("mask_a", "mask_b"):
        sitk.WriteImage(phantom_images[2], str(study / f"{name}.nii.gz"))
    (case,) = find_dicom_studies(study).cases
    with pytest.raises(ValueError, match="--label"):
        case.choose()
    (case,) = find_dicom_studies(study, label_pattern="*_b*").cases
    assert [path.name for path in case.label_files] == ["mask_b.nii.gz"]


@pytest.mark.parametrize(
    ("text", "expected"), [("A/1", "A_1"), ("ä ö", ""), ("  x^y ", "x_y"), ("CHUM-001", "CHUM-001")]
)
def test_identifiers_are_plain(text, expected):
    assert clean(text) == expected
