"""Distances between the borders of two masks, defined as in medpy, whose `hd95` the published figures come from.

The border of a mask are its pixels with a face neighbour outside of it, where all beyond the image is outside. For each
border pixel of either mask the Euclidean distance to the nearest border pixel of the other is taken, and the distances
of both directions are pooled before the percentile or the mean is.

Neighbours are looked up in scipy's k-d tree over border pixels. It is as exact as a distance transform of the image,
and its cost follows the borders' length, not the space between a lesion and a false alarm far from it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from nnunetv2_cipa.quantities.masks import bounding_box

from .overlap import Mask


@dataclass(frozen=True)
class SurfaceDistances:
    """How far apart two borders are, in the unit of the spacing; NaN where one of the masks is empty, or both.

    Attributes:
        hausdorff95: 95th percentile of the distances of both directions, pooled.
        average: Their mean, the average symmetric surface distance.
    """

    hausdorff95: float
    average: float


def surface_distances(reference: Mask, prediction: Mask, spacing: Sequence[float] | None = None) -> SurfaceDistances:
    """Compare the borders of two masks of the same shape, `(H, W)` or `(D, H, W)`.

    Args:
        reference: The true mask.
        prediction: The one to be judged; exchanging the two changes nothing.
        spacing: Distance between pixels along each axis, in mm; None counts in pixels.
    """
    if not (reference.any() and prediction.any()):
        return SurfaceDistances(math.nan, math.nan)
    distances = _pooled_distances(_border(reference, spacing), _border(prediction, spacing))
    return SurfaceDistances(float(np.percentile(distances, 95)), float(distances.mean()))


def slice_hausdorff95(reference: Mask, prediction: Mask) -> float:
    """HD95 of two slices `(H, W)` in pixels, with PCLT20K's rules for empty masks.

    Where both are empty it is 0. Where one is, that one gets a pixel in the image's centre, (H // 2, W // 2), to be
    measured from: in the 512x512 slices of PCLT20K it is pixel (256, 256), as the published code has it.
    """
    found = reference.any(), prediction.any()
    if not any(found):
        return 0.0
    if not all(found):
        centre = np.zeros_like(reference)
        centre[tuple(length // 2 for length in centre.shape)] = True
        reference, prediction = (mask if mask.any() else centre for mask in (reference, prediction))
    return surface_distances(reference, prediction).hausdorff95


def _border(mask: Mask, spacing: Sequence[float] | None) -> NDArray[np.float64]:
    """Positions of the border pixels, (N, dimensions). Only the mask's bounding box is looked at."""
    box = bounding_box(mask)
    inside = mask[box]
    border = inside ^ ndimage.binary_erosion(inside, ndimage.generate_binary_structure(mask.ndim, 1))
    positions = np.argwhere(border) + [along.start for along in box]
    return positions * np.ones(mask.ndim) if spacing is None else positions * np.asarray(spacing, dtype=np.float64)


def _pooled_distances(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each point of either set to the nearest of the other set."""
    return np.concatenate([KDTree(other).query(one)[0], KDTree(one).query(other)[0]])
