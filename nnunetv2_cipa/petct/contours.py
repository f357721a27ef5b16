"""Contours in patient coordinates, filled on a grid.

A voxel is inside if its centre is. Contours of one region on one slice are combined by exclusive or, so that holes
stay holes, also those that a keyhole connects with the outline.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError

_HALF_A_STEP = 0.5 + 1e-3
_FLAT = 0.5  # slices


@dataclass(frozen=True)
class Contour:
    """A contour of an RTSTRUCT.

    Attributes:
        kind: ContourGeometricType (3006,0042).
        points: in mm, LPS, (points, 3).
    """

    kind: str
    points: NDArray[np.float64]


def filled(contours: Sequence[Contour], grid: sitk.Image, name: str) -> NDArray[np.bool_]:
    """Where a region is, (slices, rows, columns); contours on every second slice hold for those between, too.

    Args:
        contours: of one region.
        grid: a volume; its values do not matter.
        name: of the region, for messages.

    Raises:
        InputError: a contour is no closed polygon in a slice of the grid.
    """
    columns, rows, depth = grid.GetSize()
    by_slice: dict[int, list[NDArray[np.float64]]] = defaultdict(list)
    for contour in contours:
        if contour.kind == "POINT":
            continue
        if contour.kind != "CLOSED_PLANAR":
            raise InputError(
                f"{name} has a contour of type {contour.kind or 'unknown'}; only CLOSED_PLANAR can be filled."
            )
        indices = np.array([grid.TransformPhysicalPointToContinuousIndex(point) for point in contour.points.tolist()])
        at = float(indices[:, 2].mean())
        if np.ptp(indices[:, 2]) > _FLAT or not -_HALF_A_STEP <= at <= depth - 1 + _HALF_A_STEP:
            place = contour.points[0].round(1).tolist()
            raise InputError(f"{name} has a contour at {place} mm that lies on no slice of the images.")
        by_slice[int(np.clip(round(at), 0, depth - 1))].append(indices[:, :2])
    inside = np.zeros((depth, rows, columns), dtype=bool)
    for number, polygons in by_slice.items():
        for polygon in polygons:
            inside[number] ^= inside_polygon(polygon, rows, columns)
    _fill_between(inside, sorted(by_slice))
    return inside


def inside_polygon(points: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.bool_]:
    """Pixels whose centre is inside a polygon of (column, row) points, by the even-odd rule; (rows, columns)."""
    mask = np.zeros((rows, columns), dtype=bool)
    low = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int), (columns - 1, rows - 1))
    x = np.arange(low[0], high[0] + 1)
    ends = np.roll(points, -1, axis=0)
    for y in range(low[1], high[1] + 1):
        crosses = (points[:, 1] <= y) != (ends[:, 1] <= y)
        start, end = points[crosses], ends[crosses]
        at = start[:, 0] + (y - start[:, 1]) * (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
        mask[y, x] = np.count_nonzero(at[:, None] <= x, axis=0) % 2 == 1
    return mask


def _fill_between(inside: NDArray[np.bool_], drawn: Sequence[int]) -> None:
    """Fill the slices between contours that are regularly two or more slices apart, each by the nearer contour."""
    gaps = np.diff(drawn)
    if len(gaps) == 0 or (usual := int(np.median(gaps))) < 2:
        return
    for below, above in pairwise(drawn):
        if above - below <= usual:
            for number in range(below + 1, above):
                inside[number] = inside[below if number - below <= above - number else above]
