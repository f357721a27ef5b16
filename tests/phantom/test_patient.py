import numpy as np
import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.phantom import Patient, make_patient


@pytest.fixture(scope="module")
def patients() -> list[Patient]:
    return [make_patient(12, (96, 96), seed) for seed in range(16)]


@pytest.mark.parametrize(("slices", "size"), [(1, (32, 32)), (4, (40, 72)), (3, (90, 33)), (90, (32, 32))])
def test_any_size(slices, size):
    patient = make_patient(slices, size)
    assert patient.ct.shape == patient.pet.shape == patient.tumour.shape == (slices, *size)
    assert patient.spacing == pytest.approx((min(5.0, 240 / slices), 400 / min(size), 400 / min(size)))
    assert np.isfinite(patient.ct).all()
    assert np.isfinite(patient.pet).all()
    assert patient.tumour.any()


def test_the_same_seed_makes_the_same_patient():
    first, again, other = (make_patient(3, (48, 48), seed) for seed in ((7, 1), (7, 1), (7, 2)))
    assert np.array_equal(first.ct, again.ct)
    assert np.array_equal(first.pet, again.pet)
    assert np.array_equal(first.tumour, again.tumour)
    assert not np.array_equal(first.ct, other.ct)


def test_units(patients):
    ct, pet = (np.concatenate([getattr(patient, name) for patient in patients]) for name in ("ct", "pet"))
    assert np.percentile(ct, 1) == pytest.approx(-1000, abs=60)
    assert 200 < ct.max() < 1200
    assert pet.min() >= 0
    assert 3 < pet.max() < 25


def test_some_slices_have_no_tumour(patients):
    empty = np.concatenate([~patient.tumour.any(axis=(1, 2)) for patient in patients])
    assert 0.1 < empty.mean() < 0.5


def dice(found: np.ndarray, tumour: np.ndarray) -> float:
    return float(2 * (found & tumour).sum() / (found.sum() + tumour.sum()))


def test_no_threshold_on_either_image_finds_the_tumours(patients):
    names = ("ct", "pet", "tumour")
    ct, pet, tumour = (np.concatenate([getattr(patient, name) for patient in patients]) for name in names)
    assert max(dice(pet > suv, tumour) for suv in np.arange(1, 8, 0.5)) < 0.65
    windows = [(low, low + width) for low in range(-800, 100, 100) for width in (100, 300)]
    assert max(dice((ct > low) & (ct < high), tumour) for low, high in windows) < 0.2
    assert (pet < 2)[tumour].mean() > 0.1  # cold tumour
    assert (~tumour)[pet > 3].mean() > 0.2  # harmless uptake


@pytest.mark.parametrize(
    ("slices", "size", "message"),
    [(0, (64, 64), "0 slices"), (3, (31, 64), "31x64 pixels are too small"), (3, (64, 8), "64x8 pixels are too small")],
)
def test_bad_arguments(slices, size, message):
    with pytest.raises(InputError, match=message):
        make_patient(slices, size)
