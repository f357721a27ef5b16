"""Series of slices: grouped, sorted along their normal, checked for gaps, and read as one volume."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError

from .attributes import number, words
from .headers import Header
from .tags import CT_IMAGE, PET_IMAGE, named

_SAME_PLACE = 0.01  # mm
_STEP_TOLERANCE = 0.1  # mm: real GE PET steps are 3.19, 3.27 and 3.29
_DRIFT_TOLERANCE = 0.05  # mm
_NO_SLICES = ("LOCALIZER", "MIP", "PROJECTION", "PROJECTION IMAGE", "SECONDARY CAPTURE")

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Images of one series, orientation and size, sorted from the first to the last along their normal.

    Attributes:
        headers: one for each slice.
    """

    headers: tuple[Header, ...]

    def __getitem__(self, keyword: str) -> Any:  # noqa: ANN401 - whatever the attribute holds
        """An attribute of the first slice; None if it is missing."""
        return self.headers[0].values.get(keyword)

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return str(self["SeriesInstanceUID"])

    @property
    def identifiers(self) -> set[str]:
        """UIDs of the series and of its images, by which others refer to it."""
        return {self.uid, *(str(header.values.get("SOPInstanceUID")) for header in self.headers)}

    @property
    def is_pet(self) -> bool:
        """Whether its files are of the PET class; else they are of the CT class."""
        return bool(self["SOPClassUID"] == PET_IMAGE)

    @cached_property
    def axes(self) -> tuple[Vector, Vector, Vector]:
        """Unit vectors along columns' index, rows' index and slices in patient coordinates (LPS)."""
        row = np.array(self["ImageOrientationPatient"], dtype=float)
        x, y = row[:3] / np.linalg.norm(row[:3]), row[3:] / np.linalg.norm(row[3:])
        return x, y, np.cross(x, y)

    @cached_property
    def positions(self) -> Vector:
        """ImagePositionPatient of every slice in mm, (slices, 3)."""
        return np.array([header.values["ImagePositionPatient"] for header in self.headers], dtype=float)

    @cached_property
    def steps(self) -> Vector:
        """Distances from slice to slice in mm."""
        return np.diff(self.positions @ self.axes[2])

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between columns, rows and slices; the last is the mean."""
        between_rows, between_columns = self["PixelSpacing"]
        return float(between_columns), float(between_rows), float(np.mean(self.steps))

    def __str__(self) -> str:
        """Number, description and UID, as a user finds it in a viewer."""
        description = self["SeriesDescription"] or "no description"
        kernel = f", kernel {'/'.join(words(self['ConvolutionKernel']))}" if self["ConvolutionKernel"] else ""
        name = f"series {self['SeriesNumber'] if self['SeriesNumber'] is not None else '?'} ({description}{kernel}"
        return f"{name}, {len(self.headers)} slices, {self.uid})"


def group_series(headers: Iterable[Header]) -> list[Series]:
    """Group CT and PET images by series, orientation and size, and sort each group along its normal.

    Images that are no slices of a volume (localizers, projections, captures) and those without a place are left out.
    """
    groups: dict[tuple[Any, ...], list[Header]] = defaultdict(list)
    for header in headers:
        if not why_no_slice(header):
            groups[_group(header)].append(header)
    return [_sorted(group) for group in groups.values()]


def why_no_slice(header: Header) -> str | None:
    """Why an image cannot be part of a volume; None if it can."""
    values = header.values
    if values.get("SOPClassUID") not in (CT_IMAGE, PET_IMAGE):
        return "neither CT nor PET slices"
    if found := [word for word in words(values.get("ImageType")) if word in _NO_SLICES]:
        return f"{named('ImageType')} has {found[0]}"
    for keyword, length in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2)):
        value = values.get(keyword)
        if not isinstance(value, tuple) or len(value) != length:
            return f"{named(keyword)} is missing"
    return None


def check_volume(series: Series) -> None:
    """Refuse a series whose slices are no gapless, straight stack.

    Raises:
        InputError: slices are missing, at the same place, at uneven steps, or the gantry was tilted.
    """
    if len(series.headers) < 2:
        raise InputError(f"{series} has one slice only, which is no volume.")
    steps, middle = series.steps, float(np.median(series.steps))
    if (same := np.flatnonzero(steps < _SAME_PLACE)).size:
        raise InputError(
            f"{series} has several images at {_place(series, int(same[0]))}: a dynamic or gated series, or two in one. "
            "Give a static one."
        )
    if (wide := np.flatnonzero(np.abs(steps - middle) > _STEP_TOLERANCE)).size:
        index = int(wide[0])
        number_missing = round(steps[index] / middle) - 1
        what = f"about {number_missing} slices are missing" if number_missing > 0 else "the steps are uneven"
        raise InputError(
            f"{series}: {what} after {_place(series, index)}, where the step is {steps[index]:.2f} mm instead of "
            f"{middle:.2f} mm. Export the series again, complete."
        )
    in_plane = series.positions @ np.stack(series.axes[:2], axis=1)
    if (drift := float(np.ptp(in_plane, axis=0).max())) > _DRIFT_TOLERANCE:
        raise InputError(
            f"{series}: {named('ImagePositionPatient')} drifts by {drift:.2f} mm in the plane of the slices (tilted "
            "gantry). Such a stack is no box; give a series without tilt."
        )


def check_rescaling(series: Series) -> None:
    """Refuse a series whose stored values have no unit.

    Raises:
        InputError: a slice has no slope or no intercept.
    """
    for header in series.headers:
        for keyword in ("RescaleSlope", "RescaleIntercept"):
            number(header.values, keyword, f"{header.path} has no unit without it.")


def read_volume(series: Series) -> sitk.Image:
    """Stored values times each slice's own slope plus intercept, as float32 on the grid of the series.

    Raises:
        InputError: a slice has no slope or cannot be decoded, or the slices are no volume.
    """
    check_volume(series)
    check_rescaling(series)
    try:
        image = sitk.ReadImage([str(header.path) for header in series.headers], sitk.sitkFloat32)
    except RuntimeError as error:
        raise InputError(f"{series} cannot be decoded: {_undecodable(series)}. Copy it again.") from error
    expected = (series["Columns"], series["Rows"], len(series.headers))
    if image.GetSize() != expected:
        raise InputError(f"{series} was read with the size {image.GetSize()} instead of {expected}: it is damaged.")
    image.SetOrigin([float(value) for value in series.positions[0]])
    image.SetSpacing(series.spacing)
    image.SetDirection(np.stack(series.axes, axis=1).ravel().tolist())
    return image


def _undecodable(series: Series) -> str:
    """The first file of a series that cannot be read by itself; ITK does not say which it was."""
    for header in series.headers:
        try:
            sitk.ReadImage(str(header.path))
        except RuntimeError:
            return f"{header.path} is damaged or compressed in a way that ITK does not know"
    return "its files differ in size or kind"


def _group(header: Header) -> tuple[Any, ...]:
    values = header.values
    geometry = (*values["ImageOrientationPatient"], *values["PixelSpacing"])
    rounded = tuple(round(value, 3) + 0.0 for value in geometry)  # + 0.0 makes -0.0 the same
    return (
        values.get("StudyInstanceUID"),
        values.get("SeriesInstanceUID"),
        values.get("SOPClassUID"),
        values.get("Rows"),
        values.get("Columns"),
        *rounded,
    )


def _sorted(group: list[Header]) -> Series:
    """Sorted by place along the normal: neither names nor instance numbers need follow it."""
    single = {str(header.values.get("SOPInstanceUID", header.path)): header for header in reversed(group)}
    first = Series(tuple(single.values()))
    along = first.positions @ first.axes[2]
    order = np.argsort(along, kind="stable")
    return Series(tuple(first.headers[index] for index in order))


def _place(series: Series, index: int) -> str:
    x, y, z = series.positions[index]
    return f"({x:.1f}, {y:.1f}, {z:.1f}) mm, {series.headers[index].path.name}"
