import numpy as np
import pytest

from nnunetv2_cipa.nnunet.probabilities import Geometry
from nnunetv2_cipa.postprocessing.pixel_sizes import pixel_size


@pytest.mark.parametrize(
    ("spacing", "size", "unit"),
    [
        ((1.0, 1.0, 1.0), 0.001, "ml"),
        ((4.0, 4.0, 5.0), 0.08, "ml"),
        ((0.5, 2.0), 1.0, "mm2"),
        ((3.0, 4.0), 12.0, "mm2"),
    ],
)
def test_volumes_have_ml_and_slices_with_a_spacing_mm2(spacing, size, unit):
    axes = len(spacing)
    geometry = Geometry(spacing, (7.0,) * axes, tuple(np.eye(axes).ravel().tolist()))
    assert pixel_size(geometry) == (pytest.approx(size), unit)


def test_pictures_have_pixels():
    assert pixel_size(None) == (1.0, "pixels")
