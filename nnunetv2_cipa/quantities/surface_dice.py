"""Surface Dice: the share of two surfaces that lies within a tolerance of the other one (Nikolov et al. 2018).

The surface runs between pixels (`surface_pieces`). Each point where the corners of pixels meet stands for the piece of
surface around it: distances are those between such points, and they are weighed by the area of their piece, or its
length in a slice, which depends on the spacing. Everything beyond the image is outside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from .masks import Mask, bounding_box
from .surface_pieces import areas_of_codes, corners

_ROUNDING = 1e-9  # of distances that equal the tolerance


@dataclass(frozen=True)
class SurfaceAgreement:
    """Surfaces within the tolerance, and altogether, in mm2 (slices: mm; without a spacing pixels). They add up (`+`).

    Attributes:
        agreeing: Of both masks' surfaces.
        total: Of both masks' surfaces.
    """

    agreeing: float = 0.0
    total: float = 0.0

    def __add__(self, other: "SurfaceAgreement") -> "SurfaceAgreement":
        return SurfaceAgreement(self.agreeing + other.agreeing, self.total + other.total)

    @property
    def dice(self) -> float:
        """Agreeing / total; NaN where both masks are empty."""
        return self.agreeing / self.total if self.total else math.nan


def surface_agreement(
    reference: Mask, prediction: Mask, tolerance: float, spacing: Sequence[float] | None = None
) -> SurfaceAgreement:
    """Compare the surfaces of two masks of the same shape, `(H, W)` or `(D, H, W)`.

    Args:
        reference: The true mask.
        prediction: The one to be judged; exchanging the two changes nothing.
        tolerance: Distance up to which surfaces agree, in mm; in pixels without a spacing.
        spacing: Distance between pixels along each axis, in mm; None counts in pixels.
    """
    lengths = (1.0,) * reference.ndim if spacing is None else tuple(spacing)
    (points, areas), (others, other_areas) = (_surface(mask, lengths) for mask in (reference, prediction))
    total = float(areas.sum() + other_areas.sum())
    if not (areas.size and other_areas.size):
        return SurfaceAgreement(0.0, total)
    limit = tolerance * (1 + _ROUNDING)
    near = KDTree(others).query(points)[0] <= limit
    other_near = KDTree(points).query(others)[0] <= limit
    return SurfaceAgreement(float(areas[near].sum() + other_areas[other_near].sum()), total)


def _surface(mask: Mask, spacing: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of a mask's surface, `(N, dimensions)` in the spacing's unit, and the area of surface around each."""
    if not mask.any():
        return np.zeros((0, mask.ndim)), np.zeros(0)
    box = bounding_box(mask)
    inside = np.pad(mask[box], 1).astype(np.uint8)
    codes = np.zeros([length - 1 for length in inside.shape], dtype=np.uint8)
    for bit, corner in enumerate(corners(mask.ndim)):
        codes |= inside[tuple(slice(at, at + length) for at, length in zip(corner, codes.shape, strict=True))] << bit
    areas = areas_of_codes(spacing)[codes]
    points = np.argwhere(areas)
    return (points + [along.start for along in box]) * np.asarray(spacing), areas[tuple(points.T)]
