import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.phantom.studies_folder import make_studies
from nnunetv2_cipa.quantities import quantify

pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")


@pytest.fixture(scope="module")
def dicom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies") / "phantom"
    make_studies(folder, "dicom", 2, 12, (64, 64))
    return folder


@pytest.fixture(scope="module")
def nifti(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies") / "phantom"
    make_studies(folder, "nifti", 2, 12, (64, 64))
    return folder


def segment(*arguments: object) -> int:
    return main(["segment", *map(str, arguments), "-device", "cpu"])


def pet_on_ct(study: Path) -> np.ndarray:
    ct, pet = sitk.ReadImage(str(study / "CT.nii.gz")), sitk.ReadImage(str(study / "SUV.nii.gz"))
    return sitk.GetArrayFromImage(sitk.Resample(pet, ct))


@pytest.mark.parametrize(("names", "pet_channel"), [(("CT", "PET"), 1), (("PET", "CT"), 0)])
def test_segmentation_is_what_the_network_finds_on_the_pet(nifti, model_folder, tmp_path, names, pet_channel):
    study = nifti / "0001"
    model = model_folder(names=names, pet_channel=pet_channel)
    assert segment("-ct", study / "CT.nii.gz", "-pet", study / "SUV.nii.gz", "-m", model, "-o", tmp_path / "out") == 0
    found = sitk.ReadImage(str(tmp_path / "out" / "segmentation.nii.gz"))
    assert (sitk.GetArrayFromImage(found) == (pet_on_ct(study) > 4)).mean() > 0.9999
    assert found.GetSpacing() == sitk.ReadImage(str(study / "CT.nii.gz")).GetSpacing()
    quantities = json.loads((tmp_path / "out" / "quantities.json").read_text())
    assert quantities == quantify(sitk.ReadImage(str(study / "SUV.nii.gz")), found)
    assert quantities["total"]["SUVmax"] > 4
    assert (tmp_path / "out" / "preview.png").is_file()
    assert not (tmp_path / "out" / "segmentation.dcm").exists()


def test_dicom_study_gets_a_dicom_seg_that_others_read(dicom, model_folder, tmp_path):
    import highdicom
    import pydicom

    assert segment("-i", dicom / "0001", "-m", model_folder(), "-o", tmp_path / "out") == 0
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "segmentation.nii.gz")))
    assert expected.any()
    path = tmp_path / "out" / "segmentation.dcm"
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    upwards = volume.array if volume.affine[2, 0] > 0 else volume.array[::-1]
    assert np.array_equal(upwards, expected)
    by_simpleitk = sitk.Resample(
        sitk.ReadImage(str(path)),
        sitk.ReadImage(str(tmp_path / "out" / "segmentation.nii.gz")),
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
    )
    assert np.array_equal(sitk.GetArrayFromImage(by_simpleitk) > 0, expected > 0)
    dataset = pydicom.dcmread(path)
    ct = pydicom.dcmread(next((dicom / "0001" / "CT").iterdir()))
    assert dataset.StudyInstanceUID == ct.StudyInstanceUID
    assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == ct.SeriesInstanceUID
    assert len(dataset.PerFrameFunctionalGroupsSequence) == len(expected)
    assert all("DerivationImageSequence" in frame for frame in dataset.PerFrameFunctionalGroupsSequence)
    segment_item = dataset.SegmentSequence[0]
    assert segment_item.SegmentAlgorithmType == "AUTOMATIC"
    assert segment_item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "nnUNetTrainer"
    assert segment_item.SegmentedPropertyTypeCodeSequence[0].CodeValue == "108369006"


def test_a_weight_that_the_header_lacks_is_given(dicom, model_folder, tmp_path, capsys):
    shutil.copytree(dicom / "0001", tmp_path / "study")
    for path in (tmp_path / "study" / "PET").iterdir():
        slice_ = pydicom.dcmread(path)
        slice_.PatientWeight = "0"
        slice_.save_as(path)
    table, model = tmp_path / "weights.csv", model_folder()
    table.write_text("PatientID,kg\n0001,72.5\n")
    assert segment("-i", tmp_path / "study", "-m", model, "-o", tmp_path / "out") == 1
    assert "--weights" in capsys.readouterr().err
    assert segment("-i", tmp_path / "study", "-m", model, "-o", tmp_path / "out", "--weights", table) == 0
    assert segment("-i", dicom / "0001", "-m", model, "-o", tmp_path / "whole") == 0
    found = [(tmp_path / name / "quantities.json").read_text() for name in ("out", "whole")]
    assert found[0] == found[1]


def test_nothing_found_is_an_empty_segmentation(dicom, model_folder, tmp_path):
    model = model_folder(thresholds=(40.0,))
    assert segment("-i", dicom / "0001", "-m", model, "-o", tmp_path / "out") == 0
    quantities = json.loads((tmp_path / "out" / "quantities.json").read_text())
    assert quantities["lesions"] == []
    assert quantities["total"]["MTV_ml"] == 0
    assert not sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "segmentation.dcm"))).any()


def test_pet_grid_is_that_of_the_pet(nifti, model_folder, tmp_path):
    study = nifti / "0001"
    arguments = ("-ct", study / "CT.nii.gz", "-pet", study / "SUV.nii.gz", "-o", tmp_path / "out", "--grid", "pet")
    assert segment(*arguments, "-m", model_folder()) == 0
    found = sitk.ReadImage(str(tmp_path / "out" / "segmentation.nii.gz"))
    assert found.GetSize() == sitk.ReadImage(str(study / "SUV.nii.gz")).GetSize()


def test_folder_of_studies_resumes_and_lists_failures(nifti, model_folder, tmp_path, capsys):
    studies, out, model = tmp_path / "studies", tmp_path / "out", model_folder()
    shutil.copytree(nifti, studies)
    (studies / "0003").mkdir()
    shutil.copy(nifti / "0001" / "CT.nii.gz", studies / "0003" / "CT.nii.gz")
    assert segment("-i", studies, "-m", model, "-o", out) == 1
    assert "0003" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {"0001", "0002"}
    before = (out / "0001" / "segmentation.nii.gz").stat().st_mtime_ns
    shutil.rmtree(out / "0002")
    assert segment("-i", studies, "-m", model, "-o", out) == 1
    assert (out / "0002" / "quantities.json").is_file()
    assert (out / "0001" / "segmentation.nii.gz").stat().st_mtime_ns == before


def test_results_of_another_model_or_grid_are_not_taken_for_done(nifti, model_folder, tmp_path, capsys):
    out, model = tmp_path / "out", model_folder(thresholds=(4.0, 5.0))
    assert segment("-i", nifti, "-m", model, "-o", out, "-f", 0) == 0
    before = (out / "0001" / "quantities.json").read_text()
    for other in (("-m", model_folder(), "-f", 0), ("-m", model), ("-m", model, "-f", 0, "--grid", "pet")):
        capsys.readouterr()
        assert segment("-i", nifti, *other, "-o", out) == 1
        assert "0001 was made by" in capsys.readouterr().err
    assert (out / "0001" / "quantities.json").read_text() == before
    assert segment("-i", nifti, "-m", model, "-o", out, "--overwrite") == 0
    assert (out / "0001" / "quantities.json").read_text() != before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"names": ("rgb_to_0_1", "rgb_to_0_1")}, "8-bit"),
        ({"scheme": "RGBTo01Normalization"}, "8-bit"),
        ({"ending": ".png"}, "8-bit"),
        ({"names": ("CT",)}, "two channels"),
    ],
)
def test_models_of_something_else_are_refused(nifti, model_folder, tmp_path, capsys, options, reason):
    study = nifti / "0001"
    arguments = ("-ct", study / "CT.nii.gz", "-pet", study / "SUV.nii.gz", "-o", tmp_path / "out")
    assert segment(*arguments, "-m", model_folder(**options)) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_becquerels_are_refused_and_nothing_is_left(nifti, model_folder, tmp_path, capsys):
    study = nifti / "0001"
    pet = sitk.ReadImage(str(study / "SUV.nii.gz")) * 5000
    sitk.WriteImage(pet, str(tmp_path / "PET.nii.gz"))
    arguments = ("-ct", study / "CT.nii.gz", "-pet", tmp_path / "PET.nii.gz", "-o", tmp_path / "out")
    assert segment(*arguments, "-m", model_folder()) == 1
    assert "Bq/ml" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_exists_is_kept_without_overwrite(nifti, model_folder, tmp_path, capsys):
    study, model = nifti / "0001", model_folder()
    arguments = ("-ct", study / "CT.nii.gz", "-pet", study / "SUV.nii.gz", "-o", tmp_path / "out", "-m", model)
    assert segment(*arguments) == 0
    assert segment(*arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert segment(*arguments, "--overwrite") == 0


def test_a_time_limit_is_kept_and_said(nifti, model_folder, tmp_path):
    study, model = nifti / "0001", model_folder(thresholds=(4.0, 4.0, 4.0))
    arguments = ("-ct", study / "CT.nii.gz", "-pet", study / "SUV.nii.gz", "-m", model)
    assert segment(*arguments, "-o", tmp_path / "out", "--time-limit", "10m") == 0
    assert (
        json.loads((tmp_path / "out" / "study.json").read_text())["effort"] == "3 folds, with mirroring, step size 0.5"
    )
    assert segment(*arguments, "-o", tmp_path / "other", "--folds", "1", "--time-limit", "10m") == 0
    assert json.loads((tmp_path / "other" / "study.json").read_text())["folds"] == ["1"]


def test_wrong_arguments_are_told(nifti, model_folder, tmp_path, capsys):
    model = model_folder()
    assert segment("-m", model, "-o", tmp_path / "out") == 1
    assert "-ct" in capsys.readouterr().err
    assert segment("-i", nifti, "-ct", nifti, "-m", model, "-o", tmp_path / "out") == 1
    assert segment("-i", nifti, "-m", tmp_path, "-o", tmp_path / "out") == 1
    assert segment("-i", nifti, "-m", model, "-o", tmp_path / "out", "--folds", "7") == 1
    with pytest.raises(SystemExit):
        segment("-i", nifti, "-m", model, "-o", tmp_path / "out", "--time-limit", "soon")
    assert "--time-limit: 'soon' is not a time such as" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["nifti", "dicom"])
def test_quantities_are_those_of_the_command_quantify(nifti, dicom, model_folder, tmp_path, monkeypatch, layout):
    study, pet = nifti / "0001", nifti / "0001" / "SUV.nii.gz"
    arguments = ("-ct", study / "CT.nii.gz", "-pet", pet)
    if layout == "dicom":
        monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
        assert main(["convert_PETCT", "-i", str(dicom), "-d", "9", "-np", "1"]) == 0
        pet = next((tmp_path / "raw").rglob("petTr/*0001_*.nii.gz"))
        arguments = ("-i", dicom / "0001")
    out = tmp_path / "out"
    assert segment(*arguments, "-m", model_folder(), "-o", out) == 0
    files = ("-pet", pet, "-seg", out / "segmentation.nii.gz", "-o", tmp_path / "q.json")
    assert main(["quantify", *map(str, files)]) == 0
    assert (tmp_path / "q.json").read_text() == (out / "quantities.json").read_text()


def test_an_odd_failure_of_one_study_leaves_the_others(nifti, model_folder, tmp_path, capsys, monkeypatch):
    from nnunetv2_cipa.segmentation import segment as module

    def fails(pet, *rest):
        raise IndexError("odd one")

    monkeypatch.setattr(module, "figures", fails)
    assert segment("-i", nifti, "-m", model_folder(), "-o", tmp_path / "out") == 1
    told = capsys.readouterr().err
    assert "2 of 2 studies failed" in told
    assert told.count("IndexError, odd one") == 2
    assert not list((tmp_path / "out").iterdir())
