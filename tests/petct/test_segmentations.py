import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.labels import ONE_CLASS, Classes
from nnunetv2_cipa.petct.segmentations import image_of_affine, read_segmentation

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")


def frame_of(path):
    return str(pydicom.dcmread(path, stop_before_pixels=True).FrameOfReferenceUID)


@pytest.mark.parametrize(
    "name",
    [
        "seg_image_ct_binary",
        "seg_image_ct_binary_fractional",
        "seg_image_ct_true_fractional",
        "seg_image_ct_binary_single_frame",
    ],
)
def test_real_segmentations_of_every_kind(shared_data, name):
    path = shared_data / "dicom" / "highdicom" / f"{name}.dcm"
    dataset = pydicom.dcmread(path)
    values = sitk.GetArrayFromImage(read_segmentation(path, ONE_CLASS, frame_of(path)))
    frames = dataset.pixel_array / float(dataset.get("MaximumFractionalValue", 1))
    assert values.sum() == (frames >= 0.5).sum()
    assert values.max() == 1


def test_overlapping_segments_are_united_and_the_higher_class_wins(shared_data):
    path = shared_data / "dicom" / "highdicom" / "seg_image_ct_binary_overlap.dcm"
    alone = [
        sitk.GetArrayFromImage(read_segmentation(path, Classes({"one": (f"{name} segment",)}), frame_of(path)))
        for name in ("first", "second")
    ]
    assert [part.sum() for part in alone] == [part.sum() for part in _segments(path)]
    both = read_segmentation(path, Classes({"a": ("first segment",), "b": ("second segment",)}), frame_of(path))
    values = sitk.GetArrayFromImage(both)
    assert (values == 2).sum() == alone[1].sum()
    united = sitk.GetArrayFromImage(read_segmentation(path, ONE_CLASS, frame_of(path)))
    assert united.sum() == (values > 0).sum()


def _segments(path):
    dataset = pydicom.dcmread(path)
    numbers = [
        int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        for frame in dataset.PerFrameFunctionalGroupsSequence
    ]
    return [dataset.pixel_array[[number == segment for number in numbers]] for segment in (1, 2)]


def test_other_frames_of_reference_are_refused(shared_data):
    path = shared_data / "dicom" / "highdicom" / "seg_image_ct_binary.dcm"
    with pytest.raises(InputError, match="0020,0052"):
        read_segmentation(path, ONE_CLASS, "1.2.3")


def test_a_label_map_reads_like_a_binary_one(study, phantom_images):
    sources = [pydicom.dcmread(path) for path in sorted((study / "CT").iterdir(), reverse=True)]
    binary = highdicom.seg.segread(study / "SEG.dcm")
    label = phantom_images[2]
    highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=sitk.GetArrayFromImage(label),
        segmentation_type="LABELMAP",
        segment_descriptions=[highdicom.seg.SegmentDescription.from_dataset(one) for one in binary.SegmentSequence],
        series_instance_uid=highdicom.UID(),
        series_number=9,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    ).save_as(study / "map.dcm")
    frame = frame_of(study / "SEG.dcm")
    found = read_segmentation(study / "map.dcm", ONE_CLASS, frame)
    expected = read_segmentation(study / "SEG.dcm", ONE_CLASS, frame)
    placed = sitk.Resample(found, expected, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    assert sitk.GetArrayViewFromImage(expected).any()
    assert np.array_equal(sitk.GetArrayViewFromImage(placed), sitk.GetArrayViewFromImage(expected))


def test_what_is_no_segmentation_is_refused(shared_data, tmp_path):
    path = shared_data / "dicom" / "highdicom" / "ct_image.dcm"
    with pytest.raises(InputError, match="cannot be read as a segmentation"):
        read_segmentation(path, ONE_CLASS, "1.2.3")


@settings(max_examples=20)
@given(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3))
def test_arrays_keep_their_place(order, signs):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * np.array(signs) * (2.0, 3.0, 5.0)
    affine[:3, 3] = (7.0, 8.0, 9.0)
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    image = image_of_affine(values, affine)
    assert np.linalg.det(np.array(image.GetDirection()).reshape(3, 3)) == pytest.approx(1)
    for index in np.ndindex(values.shape):
        point = (affine @ (*index, 1))[:3]
        assert image[image.TransformPhysicalPointToIndex(point.tolist())] == values[index]
