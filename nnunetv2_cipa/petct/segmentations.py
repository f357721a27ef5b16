"""Labels from DICOM SEG, of every kind: binary, fractional, label map, overlapping, without empty frames."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError

from .dicom_library import dicom_library
from .labels import Classes

_FRACTION = 0.5
_BACKGROUND = 0  # segment that a label map may describe, too


class UnwantedSegmentsError(InputError):
    """None of a file's segments becomes a class."""


def read_segmentation(path: Path, classes: Classes, frame_of_reference: str) -> sitk.Image:
    """The label volume of a DICOM SEG on its own grid, uint8.

    Args:
        path: of the SEG.
        classes: which segments, by label (patterns) or code of the type or category, become which class.
        frame_of_reference: FrameOfReferenceUID that it must have.

    Raises:
        InputError: it cannot be read, is in another frame of reference, or none of its segments is wanted
            (`UnwantedSegmentsError`).
    """
    highdicom = dicom_library("highdicom")
    try:
        segmentation = highdicom.seg.segread(path)
        check_frame(path, str(segmentation.FrameOfReferenceUID), frame_of_reference)
        segments = [segment for segment in segmentation.SegmentSequence if int(segment.SegmentNumber) != _BACKGROUND]
        wanted = {int(segment.SegmentNumber): classes.number_of(*_names(segment)) for segment in segments}
        wanted = {segment: number for segment, number in wanted.items() if number}
        if not wanted:
            names = ", ".join(" / ".join(_names(segment)) for segment in segments)
            raise UnwantedSegmentsError(f"{path}: none of its segments is among --labels: {names}")
        fractional = segmentation.segmentation_type == highdicom.seg.SegmentationTypeValues.FRACTIONAL
        volume = segmentation.get_volume(
            segment_numbers=list(wanted),
            combine_segments=False,
            rescale_fractional=fractional,
            allow_missing_positions=True,
        )
    except (ValueError, RuntimeError, AttributeError, TypeError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as a segmentation: {error}") from error
    labels = np.zeros(volume.array.shape[:3], np.uint8)
    for channel, number in enumerate(wanted.values()):
        inside = volume.array[..., channel] >= (_FRACTION if fractional else 1)
        labels[inside] = np.maximum(labels[inside], number)
    return image_of_affine(labels, np.asarray(volume.affine))


def check_frame(path: Path, own: str, frame_of_reference: str) -> None:
    """Refuse a SEG in another frame of reference than that of its study.

    Raises:
        InputError: the two differ.
    """
    if own != frame_of_reference:
        raise InputError(
            f"{path}: its FrameOfReferenceUID (0020,0052) {own} is not that of the study, {frame_of_reference}."
        )


def image_of_affine(values: Any, affine: Any) -> sitk.Image:  # noqa: ANN401 - NumPy arrays
    """An array (slices, rows, columns) with the matrix from its indices to LPS as a right-handed image."""
    columns = affine[:3, 2::-1]  # SimpleITK counts columns, rows, slices
    origin = affine[:3, 3].copy()
    if np.linalg.det(columns) < 0:
        origin += columns[:, 2] * (len(values) - 1)
        columns, values = columns * (1, 1, -1), values[::-1]
    spacing = np.linalg.norm(columns, axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(values))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(origin.tolist())
    image.SetDirection((columns / spacing).ravel().tolist())
    return image


def _names(segment: Any) -> list[str]:  # noqa: ANN401 - a pydicom Dataset
    """What a segment is called: its label, and the codes of its type and category."""
    names = [str(segment.SegmentLabel)]
    for keyword in ("SegmentedPropertyTypeCodeSequence", "SegmentedPropertyCategoryCodeSequence"):
        names += [str(code.CodeValue) for code in segment.get(keyword) or [] if "CodeValue" in code]
    return names
