"""Grids of volumes and what is resampled between them. Coordinates are millimetres, LPS, as in DICOM and SimpleITK."""

import itertools
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError

AIR_HU = -1024.0
LEAST_IN_COMMON = 0.5
_GAUSSIAN_FROM = 2.0  # ratio of spacings from which a volume is smoothed before it is made coarser
_NEXT_TO_NOTHING = 1e-3
_WIDTH_OF_SIGMA = 2.355  # full width at half maximum of a Gaussian, in standard deviations
_SAME_PLACE = 0.1  # voxels


def same_grid(first: sitk.Image, second: sitk.Image) -> bool:
    """Whether two volumes have the same voxels, be it with flipped or exchanged axes."""
    if sorted(first.GetSize()) != sorted(second.GetSize()):
        return False
    tolerance = _SAME_PLACE * min(*first.GetSpacing(), *second.GetSpacing())
    corners, others = _corners(first), _corners(second)
    nearest = np.linalg.norm(corners[:, None] - others[None], axis=-1).min(axis=1)
    return bool(nearest.max() < tolerance)


def target_grid(chosen: sitk.Image, pet: sitk.Image, spacing: Sequence[float] | None = None) -> sitk.Image:
    """The grid that a case is to have: the chosen volume's, cropped along its slices to the extent of the PET.

    Outside of the PET uptake is unknown, not zero; within a slice the whole field of view is kept.

    Args:
        chosen: CT or PET; its values do not matter.
        pet: the PET.
        spacing: millimetres between columns, rows and slices, if they are not to be those of `chosen`.

    Returns:
        An image without memory for its voxels worth mentioning (uint8), to be resampled to.

    Raises:
        InputError: the two have fewer than half of the shorter one's slices in common.
    """
    inside = [number for number in range(chosen.GetDepth()) if _within_slices(_slice_centre(chosen, number), pet)]
    thickness = chosen.GetSpacing()[2]
    shorter = min(chosen.GetDepth() * thickness, pet.GetDepth() * pet.GetSpacing()[2])
    if len(inside) * thickness < LEAST_IN_COMMON * shorter:
        raise InputError(
            f"CT and PET have {len(inside) * thickness:.0f} mm along the slices in common, fewer than half of the "
            f"shorter one's {shorter:.0f} mm: they do not belong together."
        )
    first, last = inside[0], inside[-1]
    size = (*chosen.GetSize()[:2], last - first + 1)
    origin, steps = chosen.TransformIndexToPhysicalPoint((0, 0, first)), chosen.GetSpacing()
    if spacing is not None:
        size, origin, steps = _respaced(chosen, origin, size, spacing)
    grid = sitk.Image([int(length) for length in size], sitk.sitkUInt8)
    grid.SetOrigin(origin)
    grid.SetSpacing([float(step) for step in steps])
    grid.SetDirection(chosen.GetDirection())
    return grid


def resampled(image: sitk.Image, grid: sitk.Image, outside: float) -> sitk.Image:
    """CT or PET on another grid, linearly: no new extremes, no negative uptake. float32.

    Where the new grid is more than twice as coarse the volume is smoothed first, by a Gaussian as wide as a new voxel
    (full width at half maximum), so that nothing is skipped.
    """
    if _identical(image, grid):
        return image
    ratios = _ratios(image, grid)
    if max(ratios) > _GAUSSIAN_FROM:
        widths = [ratio if ratio > _GAUSSIAN_FROM else _NEXT_TO_NOTHING for ratio in ratios]
        steps = image.GetSpacing()
        image = sitk.SmoothingRecursiveGaussian(
            image, [width * step / _WIDTH_OF_SIGMA for width, step in zip(widths, steps, strict=True)]
        )
    return sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, outside, sitk.sitkFloat32)


def resampled_labels(labels: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Label volume on another grid, by the nearest voxel; uint8, 0 outside."""
    labels = sitk.Cast(labels, sitk.sitkUInt8)
    if _identical(labels, grid):
        return labels
    return sitk.Resample(labels, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)


def voxel_volume(image: sitk.Image) -> float:
    """Volume of a voxel in ml."""
    return float(np.prod(image.GetSpacing()) / 1000)


def array_of(image: sitk.Image) -> NDArray[np.float32]:
    """Values as (slices, rows, columns); a view that must not outlive the image."""
    return sitk.GetArrayViewFromImage(image)


def _identical(first: sitk.Image, second: sitk.Image) -> bool:
    return bool(
        first.GetSize() == second.GetSize()
        and np.allclose(first.GetSpacing(), second.GetSpacing(), atol=1e-6)
        and np.allclose(first.GetOrigin(), second.GetOrigin(), atol=1e-4)
        and np.allclose(first.GetDirection(), second.GetDirection(), atol=1e-6)
    )


def _slice_centre(image: sitk.Image, number: int) -> tuple[float, ...]:
    columns, rows = image.GetSize()[:2]
    point: tuple[float, ...] = image.TransformContinuousIndexToPhysicalPoint(
        ((columns - 1) / 2, (rows - 1) / 2, number)
    )
    return point


def _within_slices(point: Sequence[float], image: sitk.Image) -> bool:
    """Whether a point lies between the outer faces of a volume's first and last slice, and not on them."""
    index = image.TransformPhysicalPointToContinuousIndex(point)[2]
    return bool(-0.499 <= index <= image.GetDepth() - 0.501)


def _respaced(
    image: sitk.Image, origin: Sequence[float], size: Sequence[int], spacing: Sequence[float]
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    """Size, origin and spacing of a grid over the same box."""
    old, new = np.array(image.GetSpacing()), np.array(spacing, dtype=float)
    if (new <= 0).any():
        raise InputError(f"--spacing {' '.join(map(str, spacing))}: millimetres above 0 are needed.")
    lengths = np.array(size) * old
    numbers = np.maximum(np.rint(lengths / new), 1).astype(int)
    shift = (lengths - numbers * new) / 2 + (new - old) / 2
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return tuple(numbers.tolist()), tuple((np.array(origin) + direction @ shift).tolist()), tuple(new.tolist())


def _ratios(image: sitk.Image, grid: sitk.Image) -> list[float]:
    """How much coarser the grid is along each axis of the image."""
    towards = np.abs(np.array(image.GetDirection()).reshape(3, 3).T @ np.array(grid.GetDirection()).reshape(3, 3))
    steps = np.array(grid.GetSpacing())[towards.argmax(axis=1)]
    return [float(ratio) for ratio in steps / np.array(image.GetSpacing())]


def _corners(image: sitk.Image) -> NDArray[np.float64]:
    ends = [(0, length - 1) for length in image.GetSize()]
    return np.array([image.TransformIndexToPhysicalPoint(corner) for corner in itertools.product(*ends)])
