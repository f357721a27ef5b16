import numpy as np
import pytest

from nnunetv2_cipa.phantom.grid import FIELD_OF_VIEW, Grid, smooth_noise


@pytest.fixture
def grid():
    return Grid.drawn(np.random.default_rng(0), 10, (100, 150))


@pytest.mark.parametrize("scale", [(0.2, 0.2, 0.2), (1.0, 2.5, 4.0), (3.0, 8.0, 8.0)])
def test_noise_is_standardised(scale):
    noise = smooth_noise(np.random.default_rng(0), (60, 160, 170), scale)
    assert noise.shape == (60, 160, 170)
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05


def test_noise_varies_over_its_scale():
    noise = smooth_noise(np.random.default_rng(0), (20, 200, 200), (1.0, 2.0, 10.0))

    def likeness(axis: int, distance: int) -> float:
        moved = np.moveaxis(noise, axis, 0)
        return float(np.mean(moved[distance:] * moved[:-distance]))

    assert likeness(1, 1) > 0.7
    assert abs(likeness(1, 12)) < 0.05
    assert likeness(2, 5) > 0.7
    assert abs(likeness(2, 60)) < 0.05


def test_the_shorter_side_shows_the_field_of_view(grid):
    assert grid.shape == (10, 100, 150)
    assert grid.spacing == (5.0, FIELD_OF_VIEW / 100, FIELD_OF_VIEW / 100)
    assert np.ptp(grid.y) == pytest.approx(FIELD_OF_VIEW * 99 / 100)
    assert np.ptp(grid.x) == pytest.approx(FIELD_OF_VIEW * 149 / 100)
    assert np.ptp(grid.z) == pytest.approx(45.0, abs=1e-3)


def test_many_slices_move_together():
    assert Grid.drawn(np.random.default_rng(0), 300, (32, 32)).spacing[0] == pytest.approx(0.8)


def test_ellipsoid(grid):
    z = float(grid.z[5, 0, 0])
    inside = grid.ellipsoid((30, -20, z), (40, 20, 10)) < 1
    assert inside.sum() * np.prod(grid.spacing) == pytest.approx(4 / 3 * np.pi * 40 * 20 * 10, rel=0.05)
    y, x = (np.broadcast_to(axis, grid.shape)[inside] for axis in (grid.y, grid.x))
    assert np.ptp(x) == pytest.approx(80, abs=8)
    assert np.ptp(y) == pytest.approx(40, abs=8)
    turned = grid.ellipsoid((30, -20, z), (40, 20, 10), angle=np.pi / 2) < 1
    assert np.ptp(np.broadcast_to(grid.y, grid.shape)[turned]) == pytest.approx(80, abs=8)


def test_bending_is_gentle(grid):
    bent = grid.bent(np.random.default_rng(1))
    assert bent.shape == grid.shape
    steps = np.diff(bent.x, axis=2)
    assert steps.min() > 0.4 * grid.spacing[2]
    assert steps.max() < 1.6 * grid.spacing[2]
    assert not np.allclose(bent.x, grid.x)
