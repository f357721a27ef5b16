"""SUVpeak: mean uptake in a sphere of 1 cm3."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RADIUS = 10 * (3 / (4 * math.pi)) ** (1 / 3)
"""Of a sphere of 1 cm3, in mm: 6.2035."""


def suv_peak(suv: NDArray[np.floating], voxels: NDArray[np.integer], spacing: Sequence[float]) -> float:
    """The highest mean uptake in a sphere of 1 cm3 around any voxel of a lesion (Wahl et al. 2009; IBSI 0F91).

    A voxel belongs to a sphere if its centre does. Spheres may leave the lesion; what lies beyond the image does not
    count.

    Args:
        suv: Uptake `(D, H, W)`.
        voxels: Where the lesion's voxels are in it, `(N, 3)`.
        spacing: Distance between voxels along the same axes, in mm.
    """
    offsets = _voxels_of_sphere(spacing)
    reach = offsets.max(axis=0)
    first, last = voxels.min(axis=0) - reach, voxels.max(axis=0) + reach
    inside = tuple(slice(max(low, 0), high + 1) for low, high in zip(first, last, strict=True))
    beyond = [
        (max(-low, 0), max(high + 1 - length, 0)) for low, high, length in zip(first, last, suv.shape, strict=True)
    ]
    uptake = np.pad(suv[inside].astype(np.float64), beyond)
    exists = np.pad(np.ones(suv[inside].shape), beyond).ravel()
    steps = np.array([math.prod(uptake.shape[axis + 1 :]) for axis in range(uptake.ndim)])
    uptake = uptake.ravel()
    centres = (voxels - first) @ steps
    total, number = np.zeros(len(centres)), np.zeros(len(centres))
    for step in offsets @ steps:
        total += uptake[centres + step]
        number += exists[centres + step]
    return float((total / number).max())


def _voxels_of_sphere(spacing: Sequence[float]) -> NDArray[np.int64]:
    """Where the voxels of a sphere lie from its centre, `(N, 3)`."""
    reach = [int(RADIUS // length) for length in spacing]
    box = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, len(reach))
    return box[np.linalg.norm(box * np.asarray(spacing), axis=1) <= RADIUS]
