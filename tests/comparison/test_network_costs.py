"""Costs measured in this process, of a network that is known by hand."""

import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from torch import nn

from nnunetv2_cipa.comparison import network_costs as module
from nnunetv2_cipa.comparison.network_costs import network_costs, peak_memory_so_far
from nnunetv2_cipa.machine import processor_name

CPU = torch.device("cpu")


class Watched(nn.Conv2d):
    """A 1x1 convolution of 2 to 3 channels whose bias does not train; it keeps what it was called with."""

    def __init__(self) -> None:
        super().__init__(2, 3, 1)
        self.bias.requires_grad_(False)
        self.calls = []

    def forward(self, x):
        self.calls.append((tuple(x.shape), self.training))
        return super().forward(x)


@pytest.fixture
def network(monkeypatch):
    """What every trainer builds here, for images of 4x5; the arguments it was built with are kept."""
    network = Watched()

    def build(*arguments):
        network.built_with = arguments
        return network, (2, 4, 5)

    monkeypatch.setattr(module, "build_network", build)
    return network


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plans.json").write_text('{"plans": 1}')
    (tmp_path / "dataset.json").write_text('{"dataset": 2}')
    return tmp_path


def test_by_hand(network, folder):
    """6 weights that train; 20 pixels of 6 multiplications and additions."""
    costs = network_costs(folder, "TheTrainer", "2d", CPU)
    assert (costs.parameters, costs.flops, costs.patch_size) == (6, 240, (4, 5))
    assert costs.device == f"cpu, {processor_name()}"
    assert costs.threads == torch.get_num_threads()
    assert network.built_with == ("TheTrainer", {"plans": 1}, "2d", {"dataset": 2})
    assert set(network.calls) == {((1, 2, 4, 5), False)}


def test_time_is_the_median_without_the_first_image(network, folder, monkeypatch):
    durations = iter([50.0, 4.0, 1.0, 100.0, 2.0, 3.0])
    monkeypatch.setattr(module, "_seconds", lambda network, image: next(durations))
    assert network_costs(folder, "TheTrainer", "2d", CPU).seconds_per_image == 3.0
    assert not list(durations)


def test_memory_is_by_how_much_the_peak_grows(network, folder, monkeypatch):
    peaks = iter([1_000, 1_750])
    monkeypatch.setattr(module, "peak_memory_so_far", lambda device: next(peaks))
    assert network_costs(folder, "TheTrainer", "2d", CPU).peak_memory_bytes == 750


def test_a_device_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch, "mps", SimpleNamespace(synchronize=lambda: waited.append("mps")))
    image = SimpleNamespace(device=torch.device("mps"))
    assert module._seconds(lambda image: None, image) >= 0
    assert waited == ["mps"]


class TestPeakMemory:
    @pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux")
    def test_grows_by_what_is_used_and_does_not_fall(self):
        before = peak_memory_so_far(CPU)
        free_again = max(0, before - psutil.Process().memory_info().rss)
        used = b"x" * (free_again + 64 * 2**20)
        during = peak_memory_so_far(CPU)
        assert len(used) > free_again
        del used
        assert 60 * 2**20 < during - before < 100 * 2**20
        assert peak_memory_so_far(CPU) > during - 4 * 2**20  # Linux counts a little late

    def test_on_cuda_it_is_pytorchs(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 1_000 + device.index)
        assert peak_memory_so_far(torch.device("cuda", 3)) == 1_003

    @pytest.mark.parametrize(("platform", "expected"), [("darwin", 5_000), ("freebsd14", 5_120_000)])
    def test_without_proc(self, monkeypatch, platform, expected):
        """macOS counts in bytes, others in kilobytes."""
        usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: SimpleNamespace(ru_maxrss=5_000))
        monkeypatch.setattr(Path, "is_file", lambda path: False)
        monkeypatch.setitem(sys.modules, "resource", usage)
        monkeypatch.setattr(sys, "platform", platform)
        assert peak_memory_so_far(CPU) == expected

    def test_on_windows(self, monkeypatch):
        monkeypatch.setattr(Path, "is_file", lambda path: False)
        monkeypatch.setattr(sys, "platform", "win32")
        process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=7_000))
        monkeypatch.setattr(module.psutil, "Process", lambda: process)
        assert peak_memory_so_far(CPU) == 7_000
