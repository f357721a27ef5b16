"""Masks, and what counts as one lesion in them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Components = NDArray[np.int32]


def components(mask: Mask) -> tuple[Components, int]:
    """Number the connected components of a mask `(H, W)` or `(D, H, W)`.

    A voxel's neighbours are the 18 that share a face or an edge with it, as in autoPET's evaluation; within a slice
    these are the 8 around a pixel.

    Returns:
        An array of the same shape, 0 outside of the mask and 1, 2, ... in its components, and their number.
    """
    numbers = np.zeros(mask.shape, dtype=np.int32)
    if not mask.any():
        return numbers, 0
    box = bounding_box(mask)
    number = ndimage.label(mask[box], ndimage.generate_binary_structure(mask.ndim, 2), output=numbers[box])
    return numbers, int(number)


def bounding_box(mask: Mask) -> tuple[slice, ...]:
    """The smallest part of the image that holds all of a mask that is not empty."""
    box = []
    for axis in range(mask.ndim):
        (occupied,) = np.nonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)
