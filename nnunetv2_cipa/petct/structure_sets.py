"""Labels from RTSTRUCT: which of the regions that were drawn are taken, and the label volume that they make."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError

from .contours import Contour, filled
from .dicom_library import dicom_library
from .labels import Classes

TUMOUR_NAMES = ("gtv*", "*tumor*", "*tumour*", "*lesion*")
"""Names of regions that are taken for tumour unless others are asked for."""


@dataclass(frozen=True)
class StructureSet:
    """An RTSTRUCT.

    Attributes:
        path: of the file.
        names: of its regions, by number.
        frames: FrameOfReferenceUIDs of its regions.
        drawn_on: SeriesInstanceUIDs and SOPInstanceUIDs of the images that the contours were drawn on.
        contours: of each region that has any.
    """

    path: Path
    names: Mapping[int, str]
    frames: frozenset[str]
    drawn_on: frozenset[str]
    contours: Mapping[int, Sequence[Contour]]


def read_structure_set(path: Path) -> StructureSet:
    """Read an RTSTRUCT.

    Raises:
        InputError: it is damaged.
    """
    try:
        dataset = dicom_library("pydicom").dcmread(path, force=True)
        rois = dataset.get("StructureSetROISequence") or []
        return StructureSet(
            path=path,
            names={int(roi.ROINumber): str(roi.ROIName).strip() for roi in rois},
            frames=frozenset(str(frame) for roi in rois if (frame := roi.get("ReferencedFrameOfReferenceUID"))),
            drawn_on=frozenset(_references(dataset)),
            contours={
                int(region.ReferencedROINumber): list(map(_contour, region.get("ContourSequence") or []))
                for region in dataset.get("ROIContourSequence") or []
            },
        )
    except (AttributeError, ValueError, TypeError, KeyError, EOFError) as error:
        raise InputError(f"{path} cannot be read as an RTSTRUCT: {error}") from error


def choose_regions(
    sets: Sequence[StructureSet], classes: Classes | None, rois: Sequence[str]
) -> dict[Path, dict[int, int]]:
    """Class of each region to take, by file and number.

    Args:
        sets: all of a study.
        classes: which regions, by patterns of their names, become which class; None takes them for tumour.
        rois: patterns of the regions to take; with none, those of `classes`, or those named like a tumour if they
            have one name but for a number.

    Raises:
        InputError: no region is meant, or several might be.
    """
    patterns = rois or (
        [source for sources in classes.sources.values() for source in sources] if classes else TUMOUR_NAMES
    )
    chosen = {
        (one.path, number): name for one in sets for number, name in one.names.items() if _matches(name, patterns)
    }
    kinds = {re.sub(r"[\s_.\-]*\d+$", "", name.casefold()) for name in chosen.values()}
    if not chosen or (len(kinds) > 1 and not rois and classes is None):
        what = "several look like tumours" if chosen else f"none is named {', '.join(patterns)}"
        present = sorted({name for one in sets for name in one.names.values()})
        raise InputError(
            f"{', '.join(str(one.path) for one in sets)}: the regions are {', '.join(present) or '(none)'}: {what}. "
            "Name those to take by --rois."
        )
    result: dict[Path, dict[int, int]] = {}
    for (path, number), name in chosen.items():
        class_number = 1 if classes is None else classes.number_of(name)
        if class_number:
            result.setdefault(path, {})[number] = class_number
    return result


def label_of(structure_set: StructureSet, regions: Mapping[int, int], grid: sitk.Image, frame: str) -> sitk.Image:
    """The label volume of the chosen regions, uint8.

    Args:
        structure_set: whose contours are to be filled.
        regions: class of each region, by number.
        grid: of the series that it was drawn on; the result has it.
        frame: FrameOfReferenceUID that it must have.

    Raises:
        InputError: it is in another frame of reference, or contours cannot be filled.
    """
    if other := structure_set.frames - {frame}:
        raise InputError(
            f"{structure_set.path}: its ReferencedFrameOfReferenceUID (3006,0024) {sorted(other)[0]} is not that of "
            f"the study, {frame}."
        )
    labels = np.zeros(grid.GetSize()[::-1], np.uint8)
    for number, class_number in regions.items():
        contours = structure_set.contours.get(number, [])
        inside = filled(contours, grid, f"{structure_set.path}: {structure_set.names[number]}")
        labels[inside] = np.maximum(labels[inside], class_number)
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(grid)
    return image


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


def _contour(item: Any) -> Contour:  # noqa: ANN401 - a pydicom Dataset
    points = np.array(item.get("ContourData") or [], dtype=float).reshape(-1, 3)
    return Contour(str(item.get("ContourGeometricType", "")), points)


def _references(dataset: Any) -> set[str]:  # noqa: ANN401 - a pydicom Dataset
    series = {
        str(series.SeriesInstanceUID)
        for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []
        for study in frame.get("RTReferencedStudySequence") or []
        for series in study.get("RTReferencedSeriesSequence") or []
    }
    images = {
        str(image.ReferencedSOPInstanceUID)
        for region in dataset.get("ROIContourSequence") or []
        for contour in region.get("ContourSequence") or []
        for image in contour.get("ContourImageSequence") or []
    }
    return series | images
