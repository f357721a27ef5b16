"""Lesion by lesion: connected components, and which of them the other mask touches at all."""

from dataclasses import dataclass

import numpy as np

from nnunetv2_cipa.quantities.masks import components

from .overlap import Counts, Mask


@dataclass(frozen=True)
class Lesions(Counts):
    """Connected components by whether the other mask has at least one pixel in them.

    A voxel's neighbours are the 18 that share a face or an edge with it, as in autoPET's evaluation; within a slice
    these are the 8 around a pixel.

    Attributes:
        detected: Components of the reference that the prediction touches.
        missed: Components of the reference that it does not touch.
        false: Components of the prediction that do not touch the reference.
        missed_pixels: Size of all missed components: what autoPET calls the false-negative volume.
        false_pixels: Size of all false components: what autoPET calls the false-positive volume.
    """

    detected: int = 0
    missed: int = 0
    false: int = 0
    missed_pixels: int = 0
    false_pixels: int = 0


def lesions(reference: Mask, prediction: Mask) -> Lesions:
    """Match the components of two masks of the same shape, `(H, W)` or `(D, H, W)`."""
    detected, missed, missed_pixels = _touched(reference, prediction)
    _, false, false_pixels = _touched(prediction, reference)
    return Lesions(detected, missed, false, missed_pixels, false_pixels)


def _touched(mask: Mask, other: Mask) -> tuple[int, int, int]:
    """How many components of `mask` the other one touches, how many not, and how many pixels the latter have."""
    numbers, number = components(mask)
    touched = np.bincount(numbers[mask & other], minlength=number + 1)[1:] > 0
    sizes = np.bincount(numbers[mask], minlength=number + 1)[1:]
    detected = int(np.count_nonzero(touched))
    return detected, number - detected, int(sizes[~touched].sum())
