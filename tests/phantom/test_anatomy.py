import numpy as np
import pytest

from nnunetv2_cipa.phantom.anatomy import healthy_body
from nnunetv2_cipa.phantom.grid import Grid


@pytest.fixture(scope="module", params=range(4))
def drawn(request):
    random = np.random.default_rng(request.param)
    grid = Grid.drawn(random, 60, (96, 96))  # wide enough to have both the arch of the aorta and the liver
    return grid, healthy_body(random, grid)


def test_values_are_those_of_tissue(drawn):
    _, body = drawn
    assert body.hu.min() >= -1000
    assert body.hu.max() < 1000
    assert body.suv.min() >= 0
    assert body.suv.max() < 12


def test_parts_lie_where_they_belong(drawn):
    _, body = drawn
    assert not (body.lung & body.mediastinum).any()
    assert not (body.lung & body.ribs).any()
    aerated = body.lung & (body.hu < -600)
    assert aerated.sum() > 0.8 * body.lung.sum()
    assert np.median(body.hu[body.ribs]) > 250
    assert np.median(body.hu[body.mediastinum]) > -100
    assert (body.hu[:, [0, -1]] == -1000).all()
    assert (body.hu[..., [0, -1]] == -1000).all()


def test_a_body_has_plausible_measures(drawn):
    grid, body = drawn
    pixel = np.prod(grid.spacing[1:])
    area = (body.suv > 0).sum(axis=(1, 2)) * pixel / 100
    assert (area > 350).all()  # cm2
    assert (area < 900).all()
    lungs = body.lung.sum() * pixel * grid.spacing[0] / 1e6
    assert 2 < lungs < 7  # litres


def test_liver_is_on_the_right_and_takes_up_more_than_blood(drawn):
    grid, body = drawn
    x = np.broadcast_to(grid.x, grid.shape)[-1]
    right = (body.suv[-1] > 2) & (body.suv[-1] < 3) & (x < -20)
    assert right.sum() * grid.spacing[1] ** 2 > 3000  # mm2


def test_slices_follow_each_other_smoothly(drawn):
    _, body = drawn
    changed = (np.abs(np.diff((body.hu > -500).astype(np.int8), axis=0)) > 0).mean(axis=(1, 2))
    assert changed.max() < 0.08
