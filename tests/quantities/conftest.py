"""PET volumes and masks whose quantities are known."""

from collections.abc import Sequence

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813


@pytest.fixture
def volume():
    """A function that makes an image of an array `(D, H, W)`; spacing and origin as SimpleITK has them, x first."""

    def make(
        values, spacing: Sequence[float] = (1.0, 1.0, 1.0), origin: Sequence[float] = (0.0, 0.0, 0.0), direction=None
    ) -> sitk.Image:
        image = sitk.GetImageFromArray(np.asarray(values))
        image.SetSpacing(spacing)
        image.SetOrigin(origin)
        if direction is not None:
            image.SetDirection(np.ravel(direction).tolist())
        return image

    return make


@pytest.fixture
def two_lesions(volume):
    """A PET of 4 mm voxels with two lesions in a body of SUV 1, and their mask."""
    suv = np.ones((12, 20, 20), dtype=np.float32)
    mask = np.zeros(suv.shape, dtype=np.uint8)
    suv[3:6, 4:8, 4:8], mask[3:6, 4:8, 4:8] = 5, 1
    suv[4, 5, 5] = 9
    suv[9, 15:17, 12], mask[9, 15:17, 12] = 3, 1
    return volume(suv, (4.0, 4.0, 4.0)), volume(mask, (4.0, 4.0, 4.0))
