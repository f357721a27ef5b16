import numpy as np
import pytest
from scipy.ndimage import label, maximum

from nnunetv2_cipa.phantom import tumours as tumours_of_phantom
from nnunetv2_cipa.phantom.anatomy import healthy_body
from nnunetv2_cipa.phantom.grid import Grid
from nnunetv2_cipa.phantom.scanner import pet_image


@pytest.fixture
def healthy():
    random = np.random.default_rng(5)
    grid = Grid.drawn(random, 12, (96, 96))
    return random, grid, healthy_body(random, grid)


def everywhere(grid):
    return np.ones(grid.shape, dtype=bool)


def test_a_cold_tumour_shows_on_ct_alone(healthy):
    random, grid, body = healthy
    hu = body.hu.copy()
    tumour = tumours_of_phantom._cold_in_lung(random, grid, body, everywhere(grid))
    assert tumour.any()
    assert np.median(hu[tumour]) < -700
    assert np.median(body.hu[tumour]) > 0
    assert body.suv[tumour].max() < 1.4


def test_a_tumour_of_the_mediastinum_shows_on_pet_alone(healthy):
    random, grid, body = healthy
    allowed = body.mediastinum & (body.suv == 1.7)  # great vessels
    hu, suv = body.hu.copy(), body.suv.copy()
    tumour = tumours_of_phantom._hot_in_mediastinum(random, grid, body, allowed) & allowed
    assert tumour.any()
    assert np.abs(body.hu - hu)[tumour].max() < 60
    assert (body.suv - suv)[tumour].min() > 0


def test_a_hot_tumour_stays_in_the_lung(healthy):
    random, grid, body = healthy
    lung, suv = body.lung.copy(), body.suv.copy()
    tumour = tumours_of_phantom._hot_in_lung(random, grid, body, everywhere(grid))
    assert (lung | ~tumour).all()
    assert np.array_equal(body.suv != suv, tumour & (body.suv != suv))
    assert np.percentile(body.suv[tumour], 90) > 2.5


def test_mimics_are_hot_or_dense_without_being_tumours():
    hot = dense = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        grid = Grid.drawn(random, 12, (64, 64))
        body = healthy_body(random, grid)
        hu, suv = body.hu.copy(), body.suv.copy()
        tumours_of_phantom.add_mimics(random, grid, body)
        hot += ((body.suv > 2.5) & (suv < 2)).any()
        dense += ((body.hu > 0) & (hu < -600)).any()
    assert hot >= 4
    assert dense >= 4


@pytest.mark.parametrize("slices", [1, 2, 3, 12])
@pytest.mark.parametrize("seed", range(6))
def test_there_is_always_a_tumour_and_it_spans_connected_slices(seed, slices):
    random = np.random.default_rng(seed)
    grid = Grid.drawn(random, slices, (40, 40))
    body = healthy_body(random, grid)
    tumours = tumours_of_phantom.add_tumours(random, grid, body)
    assert tumours.shape == (slices, 40, 40)
    assert tumours[slices // 3 : slices - slices // 3].any()
    assert tumours.mean() < 0.1


def _findings_of_thresholds(mimics):
    """For thresholds from SUV 1.5 to 7.5: the share of tumours found, and of findings that are tumours."""
    thresholds = np.arange(1.5, 8, 0.5)
    counts = np.zeros((len(thresholds), 4))
    for seed in range(32):
        random = np.random.default_rng(seed)
        grid = Grid.drawn(random, 12, (48, 48))
        body = healthy_body(random, grid)
        for_mimics, for_tumours, for_pet = random.spawn(3)
        if mimics:
            tumours_of_phantom.add_mimics(for_mimics, grid, body)
        tumours = tumours_of_phantom.add_tumours(for_tumours, grid, body)
        pet = pet_image(for_pet, body.suv, grid.spacing)
        labels, number = label(tumours)
        highest = maximum(pet, labels, range(1, number + 1))
        for count, threshold in zip(counts, thresholds, strict=True):
            findings, found = label(pet > threshold)
            true = np.unique(findings[tumours])
            count += (highest > threshold).sum(), number, np.count_nonzero(true), found
    return counts[:, 0] / counts[:, 1], counts[:, 2] / counts[:, 3]


def test_mimics_keep_a_threshold_on_pet_from_finding_the_tumours():
    """Whatever the threshold: what finds most tumours finds much else, which without mimics is not so."""
    sensitivity, precision = _findings_of_thresholds(mimics=True)
    assert precision[sensitivity > 0.6].max() < 0.8
    sensitivity, precision = _findings_of_thresholds(mimics=False)
    assert precision[sensitivity > 0.6].max() > 0.85
