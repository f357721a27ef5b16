import pytest
import torch

from nnunetv2_cipa.training import activation_memory
from nnunetv2_cipa.training.activation_memory import KEPT_BYTES_PER_PIXEL, should_recompute

GIB = 2**30


@pytest.fixture
def device_of(monkeypatch):
    def make(gib):
        monkeypatch.setattr(activation_memory, "available_memory", lambda device: gib * GIB)
        return torch.device("cuda")

    return make


@pytest.mark.parametrize(("gib", "expected"), [(24, True), (400, False)])
def test_stock_plan_for_512(device_of, gib, expected):
    assert should_recompute("tiny", 12, (512, 512), device_of(gib)) is expected


def test_small_batches_keep_their_activations(device_of):
    assert not should_recompute("tiny", 2, (192, 192), device_of(24))


def test_larger_variants_need_it_earlier():
    assert KEPT_BYTES_PER_PIXEL["tiny"] < KEPT_BYTES_PER_PIXEL["small"] < KEPT_BYTES_PER_PIXEL["base"]


def test_unknown_devices_recompute():
    assert should_recompute("tiny", 1, (32, 32), torch.device("xpu"))


def test_a_compiled_step_of_twelve_images_fits_where_another_does_not(device_of):
    device = device_of(40)
    assert should_recompute("tiny", 12, (512, 512), device)
    assert not should_recompute("tiny", 12, (512, 512), device, compiled=True)


def test_on_a_gpu_the_memory_that_is_free_counts(monkeypatch, device_of):
    monkeypatch.setattr(activation_memory, "total_memory", lambda device: 400 * GIB)
    assert should_recompute("tiny", 12, (512, 512), device_of(24))


def test_fused_layers_of_a_processor_keep_less(monkeypatch):
    monkeypatch.setattr(activation_memory, "total_memory", lambda device: 8 * GIB)
    monkeypatch.setattr(activation_memory.library, "load", lambda: "not compiled")
    assert should_recompute("tiny", 1, (512, 512), torch.device("cpu"))
    monkeypatch.setattr(activation_memory.library, "load", object)
    assert not should_recompute("tiny", 1, (512, 512), torch.device("cpu"))
