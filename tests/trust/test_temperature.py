"""Temperature scaling against logits, and recovered from networks that are too certain."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.trust import temperature as module
from nnunetv2_cipa.trust.temperature import fit_temperature, sample_pixels, scaled


@given(logits=arrays(np.float32, (3, 6), elements=st.floats(-6, 6, width=32)), temperature=st.floats(0.3, 5))
def test_probabilities_are_those_of_the_divided_logits(logits, temperature):
    tensor = torch.tensor(logits)
    found = scaled(tensor.softmax(0).numpy(), temperature)
    assert found == pytest.approx((tensor / temperature).softmax(0).numpy(), abs=1e-4)
    regions = scaled(tensor.sigmoid().numpy(), temperature, exclusive=False)
    assert regions == pytest.approx((tensor / temperature).sigmoid().numpy(), abs=1e-3)


def test_certain_probabilities_stay_numbers():
    found = scaled(np.array([[0, 1], [1, 0]], dtype=np.float32), 3.0)
    assert np.isfinite(found).all()
    assert found.sum(axis=0) == pytest.approx([1, 1])


def drawn(shape, temperature, seed=0):
    """Probabilities of a network that is too certain by this temperature, and truths that follow the right ones."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (3, *shape))
    right = torch.tensor(logits).softmax(0).numpy()
    truth = (generator.random(shape) > right.cumsum(0)[:2, ...]).sum(0)
    return torch.tensor(logits * temperature).softmax(0).numpy().astype(np.float32), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_found(temperature):
    samples = [sample_pixels(*drawn((1, 100, 100), temperature, seed)) for seed in range(4)]
    assert fit_temperature(samples) == pytest.approx(temperature, rel=0.03)


def test_a_sample_of_a_volume_gives_the_temperature_of_all_of_it(monkeypatch):
    probabilities, truth = drawn((10, 100, 120), 1.7)
    sample = sample_pixels(probabilities, truth)
    assert len(sample.truth) < 0.7 * truth.size
    assert sample.weights.sum() == pytest.approx(truth.size)
    monkeypatch.setattr(module, "_ALL_OF", truth.size)
    everything = sample_pixels(probabilities, truth)
    assert len(everything.truth) == truth.size
    assert fit_temperature([sample]) == pytest.approx(fit_temperature([everything]), rel=0.01)


def test_pixels_that_do_not_count_are_left_out():
    probabilities, truth = drawn((1, 8, 8), 1)
    counted = np.zeros(truth.shape, dtype=bool)
    counted[0, :2] = True
    assert len(sample_pixels(probabilities, truth, counted).truth) == 16
    with pytest.raises(InputError, match="none that count"):
        fit_temperature([sample_pixels(probabilities, truth, counted & False)])
    with pytest.raises(InputError, match="none that count"):
        fit_temperature([])
