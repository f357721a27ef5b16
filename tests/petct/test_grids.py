import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.grids import resampled, resampled_labels, same_grid, target_grid


def image(shape, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), values=None):
    array = np.zeros(shape, np.float32) if values is None else values
    volume = sitk.GetImageFromArray(array)
    volume.SetSpacing(spacing)
    volume.SetOrigin(origin)
    return volume


def test_ct_grid_is_cropped_to_the_extent_of_the_pet():
    ct = image((100, 8, 8), (1.0, 1.0, 2.0))
    pet = image((20, 4, 4), (2.0, 2.0, 4.0), (0.0, 0.0, 50.5))
    grid = target_grid(ct, pet)
    assert grid.GetSize() == (8, 8, 40)
    assert grid.GetOrigin() == (0.0, 0.0, 50.0)
    assert grid.GetSpacing() == ct.GetSpacing()


def test_other_parts_of_the_body_are_refused():
    with pytest.raises(InputError, match="in common"):
        target_grid(image((40, 8, 8)), image((40, 8, 8), origin=(0.0, 0.0, 25.0)))
    target_grid(image((40, 8, 8)), image((40, 8, 8), origin=(0.0, 0.0, 15.0)))


def test_a_spacing_of_ones_own_keeps_the_box():
    ct = image((10, 20, 30), (1.0, 1.5, 4.0), (5.0, 6.0, 7.0))
    grid = target_grid(ct, ct, (2.0, 3.0, 2.0))
    assert grid.GetSize() == (15, 10, 20)
    low = np.array(grid.GetOrigin()) - np.array(grid.GetSpacing()) / 2
    assert low == pytest.approx(np.array(ct.GetOrigin()) - np.array(ct.GetSpacing()) / 2)
    with pytest.raises(InputError, match="--spacing"):
        target_grid(ct, ct, (2.0, 0.0, 2.0))


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.floats(0.5, 3.0))
def test_resampling_makes_no_new_extremes(seed, step):
    values = np.random.default_rng(seed).gamma(1.0, 3.0, (8, 10, 12)).astype(np.float32)
    pet = image(values.shape, (2.0, 2.0, 3.0), values=values)
    new = sitk.GetArrayFromImage(resampled(pet, target_grid(pet, pet, (step, step, step)), 0.0))
    assert new.min() >= 0
    assert new.max() <= values.max() * (1 + 1e-5)


def test_much_coarser_grids_do_not_skip_voxels():
    values = np.zeros((40, 40, 40), np.float32)
    values[::2] = 100.0
    fine = image(values.shape, values=values)
    coarse = sitk.GetArrayFromImage(resampled(fine, target_grid(fine, fine, (4.0, 4.0, 4.0)), 0.0))
    assert coarse[2:-2] == pytest.approx(50.0, abs=3)


def test_outside_is_filled_with_air():
    ct = image((4, 4, 4), values=np.full((4, 4, 4), 40, np.float32))
    pet = image((8, 8, 8), origin=(-2.0, -2.0, -2.0))
    values = sitk.GetArrayFromImage(resampled(ct, pet, -1024.0))
    assert values[0, 0, 0] == -1024
    assert values[4, 4, 4] == 40


def test_labels_stay_labels():
    values = np.random.default_rng(0).integers(0, 3, (6, 6, 6)).astype(np.uint8)
    label = image(values.shape, values=values)
    assert np.array_equal(sitk.GetArrayFromImage(resampled_labels(label, label)), values)
    finer = resampled_labels(label, target_grid(label, label, (0.5, 0.5, 0.5)))
    assert np.array_equal(sitk.GetArrayFromImage(finer), values.repeat(2, 0).repeat(2, 1).repeat(2, 2))


def test_same_grid_whatever_the_order_of_its_axes():
    volume = image((4, 5, 6), (1.0, 2.0, 3.0), (7.0, 8.0, 9.0))
    assert same_grid(volume, sitk.Flip(volume, [True, True, False]))
    assert same_grid(volume, sitk.PermuteAxes(volume, [2, 0, 1]))
    shifted = sitk.Image(volume)
    shifted.SetOrigin((7.0, 8.5, 9.0))
    assert not same_grid(volume, shifted)
    assert not same_grid(volume, image((4, 5, 7), (1.0, 2.0, 3.0), (7.0, 8.0, 9.0)))
