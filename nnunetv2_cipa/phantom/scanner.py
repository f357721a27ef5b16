"""From tissue to image: what a PET-CT scanner makes of CT numbers and uptake, and PCLT20K's 8 bits of that."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from nnunetv2_cipa.phantom.grid import Point, Volume, smooth_noise

CT_WINDOW = (-1000.0, 400.0)
"""HU that become 0 and 255. Unlike the paper's [-1200, -200] it tells fat, soft tissue and calcium apart."""

SUV_CAP = 15.0
"""SUV that becomes 255."""

_CT_BLUR = 1.2  # mm, full width at half maximum
_PET_BLUR = 6.0  # mm, full width at half maximum
_PET_PIXEL = 4.0  # mm
_CT_NOISE = 18.0  # HU
_PET_NOISE = 0.14  # SUV at SUV 1; grows with the square root, as that of counts does
_SIGMA_OF_WIDTH = 1 / np.sqrt(8 * np.log(2))


def ct_image(random: np.random.Generator, hu: Volume, spacing: Point) -> Volume:
    """Blur CT numbers in the plane and add noise; HU, (slices, H, W)."""
    sigma = max(_CT_BLUR * _SIGMA_OF_WIDTH / spacing[1], 0.4)
    noise = smooth_noise(random, hu.shape, (1.0, 1.5, 1.5))
    return gaussian_filter(hu, (0, sigma, sigma)) + np.float32(_CT_NOISE) * noise


def pet_image(random: np.random.Generator, suv: Volume, spacing: Point) -> Volume:
    """Blur uptake in three dimensions, add noise on PET's coarser pixels, and interpolate; SUV, (slices, H, W)."""
    blurred = gaussian_filter(suv, [_PET_BLUR * _SIGMA_OF_WIDTH / step for step in spacing])
    _, height, width = suv.shape
    to_coarse = spacing[1] / _PET_PIXEL
    coarse = _resized(blurred, round(height * to_coarse), round(width * to_coarse))
    noise = smooth_noise(random, (len(coarse), *coarse.shape[1:]), (1.0, 1.4, 1.4))
    coarse += np.float32(_PET_NOISE) * np.sqrt(coarse.clip(0.02)) * noise
    return _resized(coarse.clip(0), height, width)


def _resized(volume: Volume, height: int, width: int) -> Volume:
    resized = (Image.fromarray(slice_).resize((width, height), Image.Resampling.BILINEAR) for slice_ in volume)
    return np.stack([np.asarray(slice_) for slice_ in resized])


def to_8_bit(values: Volume, lowest: float, highest: float) -> NDArray[np.uint8]:
    """Map `lowest` to 0 and `highest` to 255, clip what lies beyond, and round."""
    scaled = (values - lowest) / (highest - lowest)
    return np.rint(255 * scaled.clip(0, 1)).astype(np.uint8)
