"""Masks written as DICOM SEG, as OHIF, 3D Slicer and MITK read them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError

from .dicom_case import grid_of
from .dicom_library import dicom_library
from .grids import resampled_labels
from .headers import read_header
from .labels import Classes
from .segmentations import read_segmentation
from .series import group_series

_SERIES_NUMBER = 900
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime",
    "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip


@dataclass(frozen=True)
class Algorithm:
    """What made a segmentation.

    Attributes:
        name: such as the trainer's; empty for a segmentation drawn by hand.
        version: of the software.
    """

    name: str
    version: str = __version__


BY_HAND = Algorithm("")


def write_segmentation(
    path: Path, label: sitk.Image, source_slices: Sequence[Path], class_names: Sequence[str], algorithm: Algorithm
) -> None:
    """Write a label volume as a binary DICOM SEG with a segment for each class, and make sure that it reads back.

    It refers to the slices of a series (ReferencedSeriesSequence, and the source of each frame), has a full-size frame
    for each, empty ones included, and the coded concepts Morphologically Abnormal Structure and Neoplasm.

    Args:
        path: of the new file.
        label: class numbers from 1 on, on any grid in the series' frame of reference; it is brought to the series'.
        source_slices: files of one series.
        class_names: the first is of number 1.
        algorithm: what made it.

    Raises:
        InputError: highdicom is missing, the slices are no series, or what was written does not read back as it was.
    """
    highdicom, pydicom = dicom_library("highdicom"), dicom_library("pydicom")
    series = group_series(header for path in source_slices if (header := read_header(path)))
    if len(series) != 1:
        raise InputError(f"The {len(source_slices)} slices that {path.name} is to refer to are not one series.")
    slices = [_completed(pydicom.dcmread(header.path, stop_before_pixels=True)) for header in series[0].headers]
    placed = resampled_labels(label, grid_of(series[0]))
    values = sitk.GetArrayFromImage(placed)
    numbers = range(1, len(class_names) + 1)
    segmentation = highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=np.stack([values == number for number in numbers], axis=-1).astype(np.uint8),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(number, class_names[number - 1], algorithm) for number in numbers],
        series_instance_uid=highdicom.UID(),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="nnunetv2_cipa",
        manufacturer_model_name=algorithm.name or "by hand",
        software_versions=algorithm.version,
        device_serial_number="1",
        content_label=_code_string("SEG_" + "_".join(class_names)),
        content_description="Lesions on PET-CT",
        series_description=f"Segmentation, {algorithm.name or 'by hand'}"[:64],
        omit_empty_frames=False,
    )
    segmentation.save_as(path)
    classes = Classes({name: (_literally(name),) for name in class_names})
    back = resampled_labels(read_segmentation(path, classes, str(series[0]["FrameOfReferenceUID"])), placed)
    if not np.array_equal(sitk.GetArrayViewFromImage(back), values):
        raise InputError(f"{path} does not read back as it was written: {series[0]} may be no regular stack.")


def _code_string(text: str) -> str:
    """A text as DICOM's code string (CS): at most 16 capitals, digits and underscores, none at the end."""
    return re.sub(r"[^A-Z0-9]+", "_", text.upper())[:16].rstrip("_")


def _completed(dataset: Any) -> Any:  # noqa: ANN401 - a pydicom Dataset
    """A slice with the attributes that a SEG takes over from it, empty where it lacks them."""
    for keyword in _MAY_BE_EMPTY:
        if keyword not in dataset:
            setattr(dataset, keyword, "")
    return dataset


def _described(number: int, name: str, algorithm: Algorithm) -> Any:  # noqa: ANN401 - a highdicom SegmentDescription
    highdicom, pydicom = dicom_library("highdicom"), dicom_library("pydicom")
    code = pydicom.sr.coding.Code
    kinds = highdicom.seg.SegmentAlgorithmTypeValues
    identification = None
    if algorithm.name:
        identification = highdicom.AlgorithmIdentificationSequence(
            name=algorithm.name, family=code("123110", "DCM", "Artificial Intelligence"), version=algorithm.version
        )
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=code("49755003", "SCT", "Morphologically Abnormal Structure"),
        segmented_property_type=code("108369006", "SCT", "Neoplasm"),
        algorithm_type=kinds.AUTOMATIC if algorithm.name else kinds.MANUAL,
        algorithm_identification=identification,
        tracking_id=f"{name} {number}",
        tracking_uid=highdicom.UID(),
        display_color=highdicom.color.CIELabColor(*_colour(number)),
    )


def _colour(number: int) -> tuple[float, float, float]:
    """A colour of its own for each class, in CIELab: red, green, blue, orange, again."""
    colours = ((53.0, 80.0, 67.0), (60.0, -60.0, 50.0), (45.0, 20.0, -70.0), (70.0, 40.0, 75.0))
    return colours[(number - 1) % len(colours)]


def _literally(name: str) -> str:
    """A pattern that fits this name alone."""
    return re.sub(r"([*?\[])", r"[\1]", name)
