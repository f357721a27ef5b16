import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.petct.dicom_studies import find_dicom_studies
from nnunetv2_cipa.petct.labels import Classes
from nnunetv2_cipa.petct.structure_sets import read_structure_set
from nnunetv2_cipa.petct.tags import STRUCTURE_SET

pydicom = pytest.importorskip("pydicom")


@pytest.fixture
def structures(study, phantom_images):
    """A function that puts an RTSTRUCT in the place of the study's SEG: boxes of voxels of the CT, by region's name."""
    ct = phantom_images[0]
    (study / "SEG.dcm").unlink()
    first = pydicom.dcmread(next((study / "CT").iterdir()))

    def write(boxes, *, name="RS.dcm", frame=None, kind="CLOSED_PLANAR"):
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = STRUCTURE_SET
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.StudyInstanceUID, dataset.Modality, dataset.PatientID = first.StudyInstanceUID, "RTSTRUCT", "Pat 1"
        dataset.SeriesInstanceUID = pydicom.uid.generate_uid()
        dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
        for number, (region, ranges) in enumerate(boxes, start=1):
            roi, contours = pydicom.Dataset(), pydicom.Dataset()
            roi.ROINumber, roi.ROIName = number, region
            roi.ReferencedFrameOfReferenceUID = frame or first.FrameOfReferenceUID
            contours.ReferencedROINumber = number
            contours.ContourSequence = [contour(ranges, index, kind) for index in range(*ranges[2])]
            dataset.StructureSetROISequence.append(roi)
            dataset.ROIContourSequence.append(contours)
        dataset.save_as(study / name, enforce_file_format=True)
        return study / name

    def contour(ranges, index, kind):
        (left, right), (top, bottom), _ = ranges
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        points = [ct.TransformContinuousIndexToPhysicalPoint((x - 0.5, y - 0.5, float(index))) for x, y in corners]
        item = pydicom.Dataset()
        item.ContourGeometricType, item.NumberOfContourPoints = kind, 4
        item.ContourData = [f"{value:.6f}" for point in points for value in point]
        return item

    return write


BOX = ((10, 20), (30, 35), (3, 8))
OTHER = ((40, 44), (30, 35), (2, 4))


def labels(folder, **choices):
    (case,) = find_dicom_studies(folder, DicomChoices(**choices)).cases
    return sitk.GetArrayFromImage(case.read().labels[0])


def box(ranges, value=1):
    array = np.zeros((12, 64, 64), np.uint8)
    (left, right), (top, bottom), (first, last) = ranges
    array[first:last, top:bottom, left:right] = value
    return array


@pytest.mark.parametrize("name", ["GTV_1", "gtvp", "Lung tumour", "Primary Tumor", "lesion 3"])
def test_regions_named_like_a_tumour_are_taken(study, structures, name):
    structures([("Heart", OTHER), (name, BOX)])
    assert np.array_equal(labels(study), box(BOX))


def test_numbered_regions_are_united(study, structures):
    structures([("GTV_1", OTHER), ("GTV_2", BOX), ("Heart", ((0, 5), (0, 5), (0, 12)))])
    assert np.array_equal(labels(study), box(BOX) | box(OTHER))


@pytest.mark.parametrize("names", [("Heart", "Lung"), ("GTV_Mass", "GTV_Edema")])
def test_none_or_several_names_need_rois(study, structures, names):
    structures([(names[0], OTHER), (names[1], BOX)])
    with pytest.raises(InputError, match=f"{sorted(names)[0]}.*--rois"):
        labels(study)
    assert np.array_equal(labels(study, rois=(names[1],)), box(BOX))


def test_classes_choose_regions(study, structures):
    structures([("GTVp", OTHER), ("GTVn", BOX), ("Heart", ((0, 5), (0, 5), (0, 12)))])
    classes = Classes({"primary": ("GTVp",), "node": ("GTVn*",)})
    assert np.array_equal(labels(study, classes=classes), box(OTHER) | box(BOX, 2))


def test_other_frames_of_reference_are_refused(study, structures):
    structures([("GTV", BOX)], frame="1.2.3")
    with pytest.raises(InputError, match="3006,0024"):
        labels(study)


def test_open_contours_are_refused(study, structures):
    structures([("GTV", BOX)], kind="OPEN_PLANAR")
    with pytest.raises(InputError, match="OPEN_PLANAR"):
        labels(study)


def test_a_region_without_contours_is_an_empty_label(study, structures):
    structures([("GTV", ((0, 0), (0, 0), (0, 0)))])
    assert not labels(study).any()


def test_what_is_no_structure_set_is_refused(tmp_path):
    dataset = pydicom.Dataset()
    dataset.StructureSetROISequence = [pydicom.Dataset()]
    pydicom.dcmwrite(tmp_path / "RS.dcm", dataset, implicit_vr=True, little_endian=True)
    with pytest.raises(InputError, match=r"RS\.dcm"):
        read_structure_set(tmp_path / "RS.dcm")
