from pathlib import Path

import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.dataset_conversion.petct_layouts import Options, find_studies
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.phantom.studies_folder import make_studies

STUDIES = ("07-12-2003-NA-12345", "08-12-2004-NA-54321")


@pytest.fixture
def autopet(tmp_path):
    """The folder of two studies of one patient, as the archive unpacks them."""
    patient = tmp_path / "FDG-PET-CT-Lesions" / "NIFTI" / "PETCT_0a1b2c3d4e"
    for study in STUDIES:
        for name in ("CTres", "SUV", "SEG", "CT"):
            (patient / study).mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(sitk.Image(2, 2, 2, sitk.sitkUInt8), str(patient / study / f"{name}.nii.gz"))
    return patient


def names(folder: Path, options: Options | None = None) -> tuple[str, list[str]]:
    chosen, found = find_studies(folder, "auto", options or Options(), 1)
    return chosen.name, [case.name for case in found.cases]


@pytest.mark.parametrize("above", [0, 1, 2])
def test_autopet_is_found_from_the_patient_and_from_above(autopet, above):
    folder = (autopet, *autopet.parents)[above]
    assert names(folder) == ("autopet", [f"PETCT_0a1b2c3d4e_{study}" for study in STUDIES])


def test_a_study_that_is_not_complete_is_named(autopet):
    (autopet / STUDIES[0] / "SUV.nii.gz").unlink()
    (autopet / STUDIES[1] / "CTres.nii.gz").unlink()
    _, found = find_studies(autopet.parent, "auto", Options(), 1)
    assert not found.cases
    assert [STUDIES[0] in note for note in found.notes] == [True]
    assert "CTres.nii.gz is missing" in found.refused[f"PETCT_0a1b2c3d4e_{STUDIES[1]}"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (Options(DicomChoices(series=("1.2",))), "--series"),
        (Options(DicomChoices(rois=("GTV",))), "--rois"),
        (Options(DicomChoices(aligned=True)), "--aligned"),
        (Options(weights={"A": 70.0}), "--weights"),
        (Options(anonymous=True), "--anonymous"),
    ],
)
def test_options_of_dicom_are_not_passed_over_in_silence(autopet, options, name):
    with pytest.raises(InputError, match=f"layout autopet; {name} is for DICOM"):
        find_studies(autopet.parent, "auto", options, 1)


def test_a_series_that_no_study_has_is_refused(tmp_path):
    pytest.importorskip("highdicom")
    make_studies(tmp_path / "studies", "dicom", 2, 12, (64, 64))
    _, found = find_studies(tmp_path / "studies", "dicom", Options(), 1)
    known = found.cases[0].series[0].uid
    assert names(tmp_path / "studies", Options(DicomChoices(series=(known,))))[0] == "dicom"
    with pytest.raises(InputError, match=r"--series 1\.2\.3: no study"):
        find_studies(tmp_path / "studies", "dicom", Options(DicomChoices(series=(known, "1.2.3"))), 1)


def test_hecktor_labels_lie_beside_or_in_folders_of_labels(tmp_path):
    for place in ("Task 1/CHUM-001", "imagesTr", "labelsTr"):
        (tmp_path / place).mkdir(parents=True)
    image = sitk.Image(2, 2, 2, sitk.sitkUInt8)
    for path in (
        "Task 1/CHUM-001/CHUM-001__CT", "Task 1/CHUM-001/CHUM-001__PT", "Task 1/CHUM-001/CHUM-001",
        "imagesTr/MDA-002__CT", "imagesTr/MDA-002__PT", "labelsTr/MDA-002", "imagesTr/MDA-003__CT",
    ):  # fmt: skip
        sitk.WriteImage(image, str(tmp_path / f"{path}.nii.gz"))
    chosen, found = find_studies(tmp_path, "auto", Options(), 1)
    assert (chosen.name, chosen.classes) == ("hecktor", ("GTVp", "GTVn"))
    labels = [case.label and case.label.parent.name for case in found.cases]
    assert [(case.name, label) for case, label in zip(found.cases, labels, strict=True)] == [
        ("CHUM-001", "CHUM-001"),
        ("MDA-002", "labelsTr"),
    ]
    assert "MDA-003__PT.nii.gz is missing" in found.refused["MDA-003"]


def test_a_folder_without_studies_lists_what_is_known(tmp_path):
    with pytest.raises(InputError, match=r"(?s)none of the layouts .* hecktor: "):
        find_studies(tmp_path, "auto", Options(), 1)
    with pytest.raises(InputError, match="holds no study of the layout autopet"):
        find_studies(tmp_path, "autopet", Options(), 1)
    with pytest.raises(InputError, match="is not a folder"):
        find_studies(tmp_path / "nothing", "auto", Options(), 1)


def test_studies_with_one_identifier_are_refused(tmp_path):
    for task in ("Task 1", "Task 2"):
        for name in ("CHUM-001", *(["CHUP-002"] if task == "Task 1" else [])):
            (tmp_path / task / name).mkdir(parents=True)
            for kind in ("__CT", "__PT"):
                (tmp_path / task / name / f"{name}{kind}.nii.gz").touch()
    _, found = find_studies(tmp_path, "hecktor", Options(), 1)
    assert [case.name for case in found.cases] == ["CHUP-002"]
    assert list(found.refused) == ["CHUM-001"]
    assert all(f"{task}/CHUM-001/CHUM-001__PT" in found.refused["CHUM-001"] for task in ("Task 1", "Task 2"))
