import csv
import json
import os
import shutil

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.dataset_conversion.converters import converter_for
from nnunetv2_cipa.phantom.patient import make_patient
from nnunetv2_cipa.phantom.studies_folder import make_studies, volumes


@pytest.fixture(scope="module")
def nifti_studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nifti") / "studies"
    make_studies(folder, "nifti", 4, 12, (64, 64))
    return folder


@pytest.fixture(scope="module")
def dicom_studies(tmp_path_factory):
    pytest.importorskip("highdicom")
    folder = tmp_path_factory.mktemp("dicom") / "studies"
    make_studies(folder, "dicom", 3, 12, (64, 64))
    return folder


@pytest.fixture(scope="module")
def images():
    return volumes(make_patient(12, (64, 64), seed=5))


@pytest.fixture
def raw(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    for other in ("nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.delenv(other, raising=False)
    return tmp_path / "raw"


def convert(folder, *options: object) -> int:
    return main(["convert_PETCT", "-i", str(folder), "-d", "606", "-np", "1", *map(str, options)])


def array(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def write(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def test_nifti_studies_become_a_dataset(nifti_studies, raw):
    assert convert(nifti_studies) == 0
    dataset = raw / "Dataset606_PETCT"
    cases = ["0001", "0002", "0003"]
    assert {path.name for path in (dataset / "imagesTr").iterdir()} == {
        f"{c}_000{k}.nii.gz" for c in cases for k in (0, 1)
    }
    assert files(dataset / "labelsTr") == [f"{case}.nii.gz" for case in cases]
    assert files(dataset / "labelsTs") == ["0004.nii.gz"]  # by test.txt
    content = json.loads((dataset / "dataset.json").read_text())
    assert content["channel_names"] == {"0": "CT", "1": "PET"}
    assert content["modalities"] == ["CT", "PET"]
    assert content["labels"] == {"background": 0, "tumor": 1}
    assert content["numTraining"] == 3
    assert json.loads((dataset / "patients.json").read_text()) == {case: case for case in [*cases, "0004"]}
    assert len(json.loads((dataset / "splits_final.json").read_text())) == 3
    for case in cases:
        study = nifti_studies / case
        assert np.array_equal(
            array(dataset / "imagesTr" / f"{case}_0000.nii.gz"), array(study / "CT.nii.gz").clip(-1024)
        )
        assert np.array_equal(array(dataset / "labelsTr" / f"{case}.nii.gz"), array(study / "label.nii.gz"))
        assert np.array_equal(array(dataset / "petTr" / f"{case}.nii.gz"), array(study / "SUV.nii.gz"))
        geometries = []
        for path in (f"imagesTr/{case}_0000", f"imagesTr/{case}_0001", f"labelsTr/{case}"):
            image = sitk.ReadImage(str(dataset / f"{path}.nii.gz"))
            geometries.append((*image.GetSize(), *image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()))
        assert geometries[0] == geometries[1] == geometries[2]
        assert (dataset / "studies" / f"{case}.png").is_file()
    assert not [path for path in raw.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_nnunet_finds_nothing_wrong_with_it(nifti_studies, raw):
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    assert convert(nifti_studies) == 0
    verify_dataset_integrity(str(raw / "Dataset606_PETCT"), num_processes=1)


@pytest.mark.slow
def test_dicom_studies_become_the_same_suv(dicom_studies, raw):
    assert convert(dicom_studies) == 0
    dataset = raw / "Dataset606_PETCT"
    patients = json.loads((dataset / "patients.json").read_text())
    assert set(patients.values()) == {"0001", "0002", "0003"}
    for case, patient in patients.items():
        subset = "Ts" if patient == "0003" else "Tr"
        truth = array(dicom_studies / "truth" / f"{patient}_SUV.nii.gz")
        assert array(dataset / f"pet{subset}" / f"{case}.nii.gz") == pytest.approx(truth, rel=1e-5, abs=1e-6)
    with (dataset / "studies.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert all("BQML" in row["suv_rule"] and "dose_Bq" in row["suv_values"] and row["pet_grid"] for row in rows)


def test_one_bad_study_is_refused_and_the_others_are_converted(dicom_studies, raw, tmp_path, capsys):
    pydicom = pytest.importorskip("pydicom")
    folder = tmp_path / "studies"
    shutil.copytree(dicom_studies, folder)
    (folder / "test.txt").unlink()
    for path in (folder / "0002" / "PET").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.Units = "PROPCNTS"
        dataset.save_as(path)
    (folder / "notes.txt").write_text("no DICOM")
    assert convert(folder) == 1
    assert "1 of 3 studies were refused" in (error := capsys.readouterr().err)
    assert "(0054,1001)" in error
    patients = json.loads((raw / "Dataset606_PETCT" / "patients.json").read_text())
    assert set(patients.values()) == {"0001", "0003"}
    with (raw / "Dataset606_PETCT" / "studies.csv").open(newline="") as file:
        assert [bool(row["refused"]) for row in csv.DictReader(file)] == [False, True, False]
    assert convert(folder, "--dry-run") == 1


def test_where_no_study_is_left_nothing_is_written(raw, tmp_path, images, capsys):
    write(images[0], tmp_path / "studies" / "1" / "CT.nii.gz")
    write(images[1] * 1e4, tmp_path / "studies" / "1" / "SUV.nii.gz")
    assert convert(tmp_path / "studies") == 1
    assert "Bq/ml" in capsys.readouterr().err
    assert not raw.exists() or not list(raw.iterdir())


def test_dry_run_writes_nothing(nifti_studies, raw, capsys):
    assert convert(nifti_studies, "--dry-run") == 0
    assert "0001 (patient 0001" in capsys.readouterr().out
    assert not raw.exists()


def test_an_existing_dataset_is_kept_without_overwrite(nifti_studies, raw, capsys):
    assert convert(nifti_studies) == 0
    before = files(raw)
    assert convert(nifti_studies) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert convert(nifti_studies, "--overwrite", "--grid", "pet") == 0
    assert files(raw) == before
    spacing = sitk.ReadImage(str(raw / "Dataset606_PETCT" / "imagesTr" / "0001_0000.nii.gz")).GetSpacing()
    assert spacing == pytest.approx((4, 4, 4))


def test_an_interrupted_conversion_resumes(nifti_studies, raw, monkeypatch):
    from nnunetv2_cipa.dataset_conversion import petct_case

    written = []
    write_files = petct_case._written

    def interrupted_at_the_third(place, case):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(case.name)
        return write_files(place, case)

    monkeypatch.setattr(petct_case, "_written", interrupted_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        convert(nifti_studies)
    assert not (raw / "Dataset606_PETCT").exists()
    again = []
    monkeypatch.setattr(petct_case, "_written", lambda place, case: again.append(case.name) or write_files(place, case))
    assert convert(nifti_studies) == 0
    assert written == ["0001", "0002"]
    assert again == ["0003", "0004"]
    assert len(json.loads((raw / "Dataset606_PETCT" / "patients.json").read_text())) == 4


def test_changed_studies_are_converted_anew_when_it_resumes(nifti_studies, raw, monkeypatch, tmp_path):
    from nnunetv2_cipa.dataset_conversion import petct_case

    folder = tmp_path / "studies"
    shutil.copytree(nifti_studies, folder)
    write_files = petct_case._written

    def fail_at_the_last(place, case):
        if case.name == "0004":
            raise KeyboardInterrupt
        return write_files(place, case)

    monkeypatch.setattr(petct_case, "_written", fail_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        convert(folder)
    os.utime(folder / "0002" / "label.nii.gz", ns=(1, 1))
    again = []
    monkeypatch.setattr(petct_case, "_written", lambda place, case: again.append(case.name) or write_files(place, case))
    assert convert(folder) == 0
    assert again == ["0002", "0004"]


def test_one_patient_has_no_folds(nifti_studies, raw, tmp_path, capsys):
    shutil.copytree(nifti_studies / "0001", tmp_path / "studies" / "0001")
    assert convert(tmp_path / "studies") == 0
    assert not (raw / "Dataset606_PETCT" / "splits_final.json").exists()
    assert "one patient" in capsys.readouterr().out


def test_studies_without_label_are_for_prediction(raw, tmp_path, images):
    write(images[0], tmp_path / "studies" / "1" / "CT.nii.gz")
    write(images[1], tmp_path / "studies" / "1" / "SUV.nii.gz")
    assert convert(tmp_path / "studies") == 0
    assert len(files(raw / "Dataset606_PETCT" / "imagesTs")) == 2
    assert not files(raw / "Dataset606_PETCT" / "imagesTr")


def test_patterns_of_pairs(raw, tmp_path, images, capsys):
    for name, patient in (("a1", "A"), ("a2", "A"), ("b1", "B")):
        write(images[0], tmp_path / "studies" / patient / name / "CT_ac.nii.gz")
        write(images[1], tmp_path / "studies" / patient / name / "SUV_pet.nii.gz")
        write(images[2], tmp_path / "studies" / patient / name / "tumour.nii.gz")
    (tmp_path / "studies" / "B" / "b1" / "SUV_pet.nii.gz").unlink()
    options = [
        "--ct",
        "{patient}/{id}/CT*.nii.gz",
        "--pet",
        "{patient}/{id}/SUV*.nii.gz",
        "--label",
        "{patient}/{id}/tum*",
    ]
    assert convert(tmp_path / "studies", *options) == 1
    assert "b1" in capsys.readouterr().err
    assert json.loads((raw / "Dataset606_PETCT" / "patients.json").read_text()) == {"a1": "A", "a2": "A"}


@pytest.mark.parametrize("year", [2022, 2025])
def test_hecktor_keeps_its_two_labels(raw, tmp_path, images, year):
    ct, pet, label = images
    node = sitk.Cast(label, sitk.sitkUInt8) * 2
    for name, mask in (("CHUM-001", label), ("MDA-002", node)):
        if year == 2022:
            places = (tmp_path / "data" / "imagesTr", tmp_path / "data" / "labelsTr")
        else:
            places = (tmp_path / "data" / "Task 1" / name,) * 2
        write(ct, places[0] / f"{name}__CT.nii.gz")
        write(pet, places[0] / f"{name}__PT.nii.gz")
        write(mask, places[1] / f"{name}.nii.gz")
    assert convert(tmp_path / "data") == 0
    dataset = raw / "Dataset606_PETCT"
    assert json.loads((dataset / "dataset.json").read_text())["labels"] == {"background": 0, "GTVp": 1, "GTVn": 2}
    assert array(dataset / "labelsTr" / "CHUM-001.nii.gz").max() == 1
    assert array(dataset / "labelsTr" / "MDA-002.nii.gz").max() == 2


def test_hecktor_keeps_labels_that_it_does_not_know(raw, tmp_path, images):
    for name, image in (("__CT", images[0]), ("__PT", images[1]), ("", images[2] * 3)):
        write(image, tmp_path / "data" / f"CHUM-001{name}.nii.gz")
    assert convert(tmp_path / "data") == 0
    dataset = raw / "Dataset606_PETCT"
    labels = json.loads((dataset / "dataset.json").read_text())["labels"]
    assert labels == {"background": 0, "GTVp": 1, "GTVn": 2, "label_3": 3}
    assert array(dataset / "labelsTr" / "CHUM-001.nii.gz").max() == 3


def test_autopet_fdg(raw, tmp_path, images):
    ct, pet, label = images
    placed = [sitk.Resample(ct, pet), pet, sitk.Resample(label, pet, sitk.Transform(), sitk.sitkNearestNeighbor)]
    for patient, study in (("PETCT_0a1b2c3d4e", "07-12-2003-NA-12345"), ("PETCT_0a1b2c3d4e", "08-12-2004-NA-54321")):
        for name, image in zip(("CTres", "SUV", "SEG"), placed, strict=True):
            write(image, tmp_path / "data" / patient / study / f"{name}.nii.gz")
        write(pet * 5000, tmp_path / "data" / patient / study / "PET.nii.gz")
        write(ct, tmp_path / "data" / patient / study / "CT.nii.gz")
    assert convert(tmp_path / "data") == 0
    patients = json.loads((raw / "Dataset606_PETCT" / "patients.json").read_text())
    assert set(patients.values()) == {"PETCT_0a1b2c3d4e"}
    assert "PETCT_0a1b2c3d4e_07-12-2003-NA-12345" in patients
    assert array(raw / "Dataset606_PETCT" / "petTr" / "PETCT_0a1b2c3d4e_07-12-2003-NA-12345.nii.gz").max() < 50


def test_raw_format_gets_what_is_missing(raw, tmp_path, images, capsys):
    ct, pet, label = images
    pet, label = sitk.Resample(pet, ct), label
    source = tmp_path / "autopet"
    cases = [f"{tracer}_{number:08x}_2003-07-1{number}" for tracer in ("fdg", "psma") for number in range(3)]
    for case in cases:
        write(ct, source / "imagesTr" / f"{case}_0000.nii.gz")
        write(pet, source / "imagesTr" / f"{case}_0001.nii.gz")
        write(label, source / "labelsTr" / f"{case}.nii.gz")
    names = {"channel_names": {"0": "CT", "1": "CT"}, "labels": {"background": 0, "tumor": 1}, "numTraining": 6}
    (source / "dataset.json").write_text(json.dumps({**names, "file_ending": ".nii.gz"}))
    before = files(source)
    assert convert(source, "--dry-run") == 0
    assert convert(source, "-n", "autoPET") == 0
    assert files(source) == before
    assert "modalities" not in json.loads((source / "dataset.json").read_text())
    dataset = raw / "Dataset606_autoPET"
    content = json.loads((dataset / "dataset.json").read_text())
    assert content["modalities"] == ["CT", "PET"]
    assert content["channel_names"] == names["channel_names"]
    patients = json.loads((dataset / "patients.json").read_text())
    assert len(set(patients.values())) == 6
    assert len(json.loads((dataset / "splits_final.json").read_text())) == 5
    assert len(files(dataset / "petTr")) == 6
    splits = (dataset / "splits_final.json").read_text()
    (dataset / "patients.json").unlink()
    capsys.readouterr()
    assert convert(dataset, "-n", "autoPET") == 0  # in its own place
    assert "Added: patients.json." in capsys.readouterr().out
    assert (dataset / "splits_final.json").read_text() == splits


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda ct, pet, label: (ct + 1024, pet, label), "HU"),
        (lambda ct, pet, label: (ct, pet * 0, label), "0 everywhere"),
        (lambda ct, pet, label: (ct, pet, sitk.Cast(label, sitk.sitkFloat32) * 0.5), "0.5"),
        (lambda ct, pet, label: (ct, pet, label * 255), "--labels tumor=255"),
        (lambda ct, pet, label: (ct, pet, label[:-5]), "neither"),
    ],
)
def test_bad_nifti_values_are_refused(raw, tmp_path, images, capsys, make, what):
    ct, pet, label = make(sitk.Clamp(images[0], lowerBound=-1024), *images[1:])
    for name, image in (("CT", ct), ("SUV", pet), ("label", label)):
        write(image, tmp_path / "studies" / "1" / f"{name}.nii.gz")
    assert convert(tmp_path / "studies") == 1
    assert what in capsys.readouterr().err


def test_the_table_of_converters_knows_studies(nifti_studies, dicom_studies):
    for folder, training, test in ((nifti_studies, 3, 1), (dicom_studies, 2, 1)):
        converter = converter_for(folder)
        assert converter.command == "convert_PETCT"
        counts = converter.count(folder)
        assert (counts.training, counts.test, counts.test_labels) == (training, test, True)
        assert counts.pixels == 64 * 64 * 12


def test_identifiers_can_be_anonymous(dicom_studies, raw):
    assert convert(dicom_studies, "--anonymous", "--labels", "lesion=*") == 1  # test.txt names PatientIDs
    (folder := raw.parent / "studies").mkdir()
    shutil.copytree(dicom_studies / "0001", folder / "0001")
    assert convert(folder, "--anonymous", "--labels", "lesion=*") == 0
    assert json.loads((raw / "Dataset606_PETCT" / "patients.json").read_text()) == {"patient0001_1": "patient0001"}
    assert json.loads((raw / "Dataset606_PETCT" / "dataset.json").read_text())["labels"] == {
        "background": 0,
        "lesion": 1,
    }
    header, row = (raw / "identities_Dataset606_PETCT.csv").read_text().splitlines()
    assert header == "case,patient,PatientID,StudyInstanceUID"
    assert row.startswith("patient0001_1,patient0001,0001,1.2.826")
    assert convert(folder, "--anonymous", "--overwrite") == 0  # the table does not take the dataset's id


def raw_format(source, images, names):
    """A dataset of one case for each of six patients; the channels are as `names` has them."""
    ct, pet, label = images
    channels = {"CT": ct, "PET": sitk.Resample(pet, ct)}
    for number in range(6):
        for channel, name in enumerate(names):
            write(channels[name], source / "imagesTr" / f"p{number}_{channel:04d}.nii.gz")
        write(label, source / "labelsTr" / f"p{number}.nii.gz")
    content = {"channel_names": dict(enumerate(names)), "labels": {"background": 0, "tumor": 1}, "numTraining": 6}
    (source / "dataset.json").write_text(json.dumps({**content, "file_ending": ".nii.gz"}))


def test_raw_format_may_have_the_pet_first(raw, tmp_path, images, capsys):
    raw_format(tmp_path / "pet_first", images, ("PET", "CT"))
    assert convert(tmp_path / "pet_first", "-n", "petfirst") == 0
    assert "WARNING" not in capsys.readouterr().out
    dataset = raw / "Dataset606_petfirst"
    assert json.loads((dataset / "dataset.json").read_text())["modalities"] == ["PET", "CT"]
    assert (dataset / "petTr" / "p3.nii.gz").samefile(dataset / "imagesTr" / "p3_0000.nii.gz")


def test_raw_format_in_other_units_is_told(raw, tmp_path, images, capsys):
    ct, pet, label = images
    raw_format(tmp_path / "becquerel", (ct + 2048, pet * 5000, label), ("CT", "PET"))
    assert convert(tmp_path / "becquerel", "-n", "becquerel") == 0
    said = capsys.readouterr().out
    assert "p0_0000.nii.gz has no value below 0" in said
    assert "p0_0001.nii.gz: 0.1 % of its values are above" in said


def test_torn_files_are_refused(raw, tmp_path, images, capsys):
    for name in ("p1", "p2", "p3"):
        for kind, image in zip(("CT", "SUV", "label"), images, strict=True):
            write(image, tmp_path / "torn" / name / f"{kind}.nii.gz")
    for path in (tmp_path / "torn" / "p1" / "SUV.nii.gz", tmp_path / "torn" / "p2" / "label.nii.gz"):
        path.write_bytes(path.read_bytes()[:-20])
    assert convert(tmp_path / "torn") == 1
    said = capsys.readouterr().err
    assert "p1/SUV.nii.gz cannot be read" in said
    assert "p2/label.nii.gz cannot be read" in said
    assert [path.name for path in sorted((raw / "Dataset606_PETCT" / "labelsTr").iterdir())] == ["p3.nii.gz"]
