import numpy as np
import pytest

from nnunetv2_cipa.phantom.scanner import CT_WINDOW, SUV_CAP, ct_image, pet_image, to_8_bit

SPACING = (5.0, 1.0, 1.0)


def random():
    return np.random.default_rng(0)


def test_ct_keeps_values_and_adds_noise():
    image = ct_image(random(), np.full((4, 128, 128), 40, np.float32), SPACING)
    assert image.mean() == pytest.approx(40, abs=1.5)
    assert image.std() == pytest.approx(18, abs=1)


def test_pet_keeps_values_and_adds_noise_that_grows_with_uptake():
    noise = {}
    for suv in (1.0, 9.0):
        image = pet_image(random(), np.full((6, 128, 128), suv, np.float32), SPACING)
        assert image.mean() == pytest.approx(suv, rel=0.05)
        noise[suv] = image.std()
    assert noise[9.0] / noise[1.0] == pytest.approx(3, rel=0.05)


def test_partial_volume_dims_small_sources_and_spreads_them():
    y, x = np.mgrid[:129, :129] - 64
    peaks = {}
    for radius in (3, 20):
        suv = np.zeros((9, 129, 129), np.float32)
        suv[:, np.hypot(x, y) <= radius] = 10
        image = pet_image(random(), suv, SPACING)[4]
        peaks[radius] = image[60:69, 60:69].max()
        near = np.hypot(x, y) <= radius + 8
        assert image[near].sum() == pytest.approx(suv[4].sum(), rel=0.15)
    assert peaks[3] < 7
    assert peaks[20] > 9


def test_pet_spreads_to_neighbouring_slices_by_its_resolution():
    suv = np.zeros((9, 64, 64), np.float32)
    suv[4] = 10
    image = pet_image(random(), suv, (3.0, 1.0, 1.0))
    assert image[5].mean() / image[4].mean() == pytest.approx(np.exp(-(3.0**2) * 4 * np.log(2) / 6.0**2), rel=0.06)


@pytest.mark.parametrize("shape", [(1, 33, 47), (2, 64, 32)])
def test_shapes_are_kept(shape):
    assert pet_image(random(), np.ones(shape, np.float32), (5.0, 12.0, 12.0)).shape == shape
    assert ct_image(random(), np.ones(shape, np.float32), (5.0, 12.0, 12.0)).shape == shape


@pytest.mark.parametrize(
    ("values", "window", "expected"),
    [
        ([-1100, -1000, -300, 400, 500], CT_WINDOW, [0, 0, 128, 255, 255]),
        ([-1, 0, 7.5, 15, 40], (0, SUV_CAP), [0, 0, 128, 255, 255]),
    ],
)
def test_8_bits(values, window, expected):
    image = to_8_bit(np.array(values, np.float32), *window)
    assert image.dtype == np.uint8
    assert image.tolist() == expected
