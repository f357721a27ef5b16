import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.planning.fit import fit_to_memory

GB = 10**9


def fit(gigabytes, *, batch=12, patch=(512, 512), divisors=(128, 128), variant="tiny"):
    return fit_to_memory(variant, batch, patch, divisors, int(gigabytes * GB))


def test_with_enough_memory_the_plan_stays():
    plenty = fit(100)
    assert (plenty.batch_size, plenty.patch_size) == (12, (512, 512))
    assert plenty.needed_bytes < plenty.available_bytes


def test_less_memory_first_takes_images_then_pixels():
    fits = [fit(gigabytes) for gigabytes in (20, 10, 6, 4)]
    assert [(one.batch_size, one.patch_size[0] * one.patch_size[1]) for one in fits] == sorted(
        ((one.batch_size, one.patch_size[0] * one.patch_size[1]) for one in fits), reverse=True
    )
    assert all(one.needed_bytes <= one.available_bytes for one in fits)
    assert all(one.batch_size >= 2 for one in fits)
    assert fits[-1].patch_size < (512, 512)


def test_patches_are_multiples_of_32_and_of_the_unets_divisors():
    assert fit(100, patch=(40, 250), divisors=(8, 2)).patch_size == (64, 256)
    assert fit(100, patch=(192, 192), divisors=(64, 12)).patch_size == (192, 192)


def test_larger_variants_fit_less():
    assert fit(20, variant="base").batch_size < fit(20, variant="small").batch_size < fit(20).batch_size


def test_a_single_image_is_not_made_two():
    assert fit(100, batch=1).batch_size == 1


def test_too_little_memory_is_refused():
    with pytest.raises(InputError, match=r"takes at least .* GB and 0\.5 GB are free"):
        fit(0.5)


def test_parameters_count_for_their_patch():
    small, large = fit(100, batch=2, patch=(32, 32), divisors=(1, 1)), fit(100, batch=2, divisors=(1, 1))
    parameters = sum(parameter.numel() for parameter in CIPA((32, 32)).parameters())
    assert 16 * parameters < small.needed_bytes < large.needed_bytes
