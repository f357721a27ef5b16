"""Sizes of pixels where images have a place in space."""

import math

from nnunetv2_cipa.nnunet.probabilities import Geometry


def pixel_size(geometry: Geometry | None) -> tuple[float, str]:
    """Size of a pixel and its unit: ml for volumes, mm2 for slices that have a spacing, else 1 pixel."""
    if geometry is None:
        return 1.0, "pixels"
    size = math.prod(geometry.spacing)
    return (size / 1000, "ml") if len(geometry.spacing) == 3 else (size, "mm2")
