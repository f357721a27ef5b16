import shutil

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.petct.dicom_studies import find_dicom_studies
from nnunetv2_cipa.petct.labels import Classes
from nnunetv2_cipa.petct.segmentation_files import BY_HAND, write_segmentation
from nnunetv2_cipa.petct.series import read_volume
from nnunetv2_cipa.phantom.dicom_files import Identity, write_ct, write_pet
from nnunetv2_cipa.phantom.suv_storage import STORAGES

pydicom = pytest.importorskip("pydicom")


def only_case(folder, choices=None, **options):
    (case,) = find_dicom_studies(folder, choices or DicomChoices(), **options).cases
    return case


def array(image):
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("storage", STORAGES)
def test_every_way_to_store_uptake_gives_the_same_suv(tmp_path, phantom_images, storage):
    ct, pet, _ = phantom_images
    write_ct(tmp_path / "CT", ct, Identity("1", storage))
    paths = write_pet(tmp_path / "PET", pet, Identity("1", storage), storage)
    case = only_case(tmp_path)
    volumes = case.read()
    assert np.array_equal(array(volumes.ct), array(ct).clip(-1024))
    shown = array(pet) > 0.1
    assert array(volumes.pet)[shown] == pytest.approx(array(pet)[shown], rel=1e-5)
    for found, written in ((volumes.ct, ct), (volumes.pet, pet)):
        assert found.GetOrigin() == pytest.approx(written.GetOrigin(), abs=1e-4)
        assert found.GetSpacing() == pytest.approx(written.GetSpacing())
    zrad = pytest.importorskip("zrad.io.pet_suv", reason="no z-rad: pip install --no-deps z-rad")
    slices = [{"file_path": path, "ds": pydicom.dcmread(path)} for path in paths]
    independent = array(zrad.apply_suv_correction(slices, read_volume(case.choice.pet)))
    assert array(volumes.pet)[shown] == pytest.approx(independent[shown], rel=1e-5)


@pytest.mark.parametrize("storage", ["siemens", "philips-bqml", "philips-counts"])
def test_factors_agree_with_pysuv_in_the_forms_that_it_knows(tmp_path, phantom_images, storage):
    pysuv = pytest.importorskip("pysuv")
    ct, pet, _ = phantom_images
    write_ct(tmp_path / "CT", ct, Identity("1", storage))
    write_pet(tmp_path / "PET", pet, Identity("1", storage), storage)
    case = only_case(tmp_path)
    paths = [header.path for header in case.choice.pet.headers]
    independent = [pysuv.get_suv_factor(path, philips_timing="3dslicer").suv_factor for path in paths]
    assert case.suv().factors == pytest.approx(independent)


def test_label_of_the_seg(study, phantom_images):
    volumes = only_case(study).read()
    assert np.array_equal(array(volumes.labels[0]), array(phantom_images[2]))
    assert not only_case(study).without_label().read().labels


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"Units": "PROPCPS"}, "0054,1001"),
        ({"DecayCorrection": None}, "0054,1102"),
        ({"CorrectedImage": ["NORM", "DECY"]}, "0028,0051"),
        ({"PatientWeight": "0"}, "0010,1030"),
        ({"FrameOfReferenceUID": "1.2.3"}, "0020,0052"),
        ({"SeriesType": ["DYNAMIC", "IMAGE"]}, "0054,1000"),
        ({"SeriesType": ["GATED", "IMAGE"]}, "0054,1000"),
        ({"NumberOfTimeSlices": 4}, "0054,0101"),
        ({"RescaleIntercept": "5"}, "0028,1052"),
        ({"RescaleSlope": None}, "0028,1053"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.130"}, "Enhanced PET"),
    ],
)
def test_a_pet_that_is_not_covered_is_refused_with_its_tag(study, edit, changes, tag):
    edit((study / "PET").iterdir(), **changes)
    with pytest.raises(InputError, match=tag):
        only_case(study).read()


def test_a_nac_series_is_passed_over(study, edit, phantom_images):
    nac = write_pet(study / "NAC", phantom_images[1], Identity("Pat 1", "test"), "siemens", SeriesNumber=7)
    edit(nac, CorrectedImage=["NORM", "DECY"])
    record = only_case(study).choose()
    assert any("NAC" in reason for reason in record["passed_over"])


def test_two_reconstructions_need_a_name(study, phantom_images):
    other = write_pet(study / "other", phantom_images[1], Identity("Pat 1", "test"), "gml", SeriesNumber=7)
    with pytest.raises(InputError, match="--series"):
        only_case(study).choose()
    uid = str(pydicom.dcmread(other[0]).SeriesInstanceUID)
    assert only_case(study, DicomChoices(series=(uid,))).choose()["pet_series"] == uid


def test_other_frames_of_reference_are_aligned_only_if_said(study, edit):
    edit((study / "PET").iterdir(), FrameOfReferenceUID="1.2.3")
    volumes = only_case(study, DicomChoices(aligned=True)).read()
    assert any("aligned" in warning for warning in volumes.warnings)


def test_missing_slices_are_refused_with_their_place(study):
    for folder in ("PET", "CT"):
        copy = study.with_name(f"without_{folder}")
        shutil.copytree(study, copy)
        (copy / folder / "IM00005").unlink()
        with pytest.raises(InputError, match=r"missing after \("):
            only_case(copy).read()


def test_copies_of_a_file_are_passed_over(study):
    expected = array(only_case(study).read().pet)
    shutil.copytree(study / "PET", study / "again")
    assert np.array_equal(array(only_case(study).read().pet), expected)


def test_two_images_at_one_place_are_refused(study, edit):
    shutil.copy(study / "PET" / "IM00005", study / "PET" / "another")
    edit([study / "PET" / "another"], SOPInstanceUID="1.2.3.4")
    with pytest.raises(InputError, match="several images"):
        only_case(study).read()


@pytest.mark.parametrize("missing", [3000, 300])
def test_a_truncated_file_is_refused_by_its_name(study, missing):
    """The size of a file does not tell that it lacks fewer bytes than its header has."""
    path = study / "PET" / "IM00005"
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(InputError, match="IM00005"):
        only_case(study).read()


def test_weights_help_where_the_header_has_none(study, edit):
    expected = array(only_case(study).read().pet)
    edit((study / "PET").iterdir(), PatientWeight=None)
    assert array(only_case(study, weights={"Pat 1": 72.5}).read().pet) == pytest.approx(expected)


def test_a_seg_of_another_frame_of_reference_is_refused(study, edit):
    edit([study / "SEG.dcm"], FrameOfReferenceUID="1.2.3")
    with pytest.raises(InputError, match="0020,0052"):
        only_case(study).read()


def test_classes_by_name_and_code(study, phantom_images):
    for sources in (("tumor",), ("TUM*",), ("108369006",)):
        classes = Classes({"other": ("x",), "lesion": sources})
        label = only_case(study, DicomChoices(classes=classes)).read().labels[0]
        assert np.array_equal(array(label), 2 * array(phantom_images[2]))
    with pytest.raises(InputError, match="tumor"):
        only_case(study, DicomChoices(classes=Classes({"node": ("node*",)}))).read()


def test_a_seg_of_other_things_is_passed_over(study, phantom_images):
    ct = sorted((study / "CT").iterdir())
    write_segmentation(study / "liver.dcm", phantom_images[2] * 0 + 1, ct, ["liver"], BY_HAND)
    volumes = only_case(study, DicomChoices(classes=Classes({"lesion": ("tumor",)}))).read()
    assert [np.array_equal(array(label), array(phantom_images[2])) for label in volumes.labels] == [True]
    assert any("liver.dcm: none of its segments" in reason for reason in volumes.record["passed_over"])


def test_nifti_label_beside_the_study(study, phantom_images):
    (study / "SEG.dcm").unlink()
    sitk.WriteImage(phantom_images[2], str(study / "mask.nii.gz"))
    assert np.array_equal(array(only_case(study).read().labels[0]), array(phantom_images[2]))


def test_a_nifti_label_on_another_grid_is_refused(study, phantom_images):
    (study / "SEG.dcm").unlink()
    label = phantom_images[2]
    label = sitk.GetImageFromArray(array(label))
    label.SetSpacing([1.25 * step for step in phantom_images[2].GetSpacing()])
    sitk.WriteImage(label, str(study / "mask.nii.gz"))
    with pytest.raises(InputError, match="neither the CT's grid nor the PET's"):
        only_case(study).choose()


def spoil_place(dataset):
    return [0, 0.4 * float(dataset.InstanceNumber), *dataset.ImagePositionPatient[2:]]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("PET", {"ImagePositionPatient": spoil_place}),
        ("PET", {"RescaleSlope": None}),
        ("CT", {"ImagePositionPatient": spoil_place}),
        ("CT", {"RescaleSlope": None}),
        ("CT", {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        ("CT", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1"}),
        ("PET", {"ImageType": ["DERIVED", "SECONDARY", "MIP"]}),
        ("SEG.dcm", {"FrameOfReferenceUID": "1.2.3"}),
    ],
)
def test_headers_alone_refuse_what_reading_would(study, edit, name, changes):
    path = study / name
    edit(sorted(path.iterdir()) if path.is_dir() else [path], **changes)
    with pytest.raises(InputError) as chosen:
        only_case(study).choose()
    with pytest.raises(InputError) as read:
        only_case(study).read()
    assert str(chosen.value) == str(read.value)
    words = {"ImagePositionPatient": "drifts", "SOPClassUID": "enhanced", "ImageType": "0008,0008"}
    assert any(words.get(keyword, keyword) in str(read.value) for keyword in changes)


def test_real_crops_have_their_suvmax(shared_data, tmp_path):
    shutil.unpack_archive(shared_data / "dicom" / "STS_001-003_CT_PET_RTSTRUCT_cropped_dicom.tar.xz", tmp_path)
    cases = find_dicom_studies(tmp_path, DicomChoices(rois=("GTV_Mass_CT",))).cases
    found = {case.patient: case.read() for case in cases}
    maxima = {patient: array(volumes.pet).max() for patient, volumes in found.items()}
    assert maxima == pytest.approx({"STS_001": 25.4123, "STS_002": 21.6757, "STS_003": 10.2653}, abs=1e-4)
    assert all(array(volumes.labels[0]).any() for volumes in found.values())
    with pytest.raises(InputError, match="GTV_Mass_CT, GTV_Mass_PET"):
        find_dicom_studies(tmp_path).cases[0].choose()
