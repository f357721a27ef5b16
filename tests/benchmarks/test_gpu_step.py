"""The benchmark of a training step's scans, on the processor and with small sizes."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.scan import registry

FOLDER = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not here")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def step():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(FOLDER)
        import gpu_step

        yield gpu_step


@pytest.mark.slow
def test_these_are_the_scans_of_the_network(step, monkeypatch):
    if registry.choose_backend(CPU).name != "cpu":
        pytest.skip("the compiled kernel is not here")
    seen: Counter[tuple[int, ...]] = Counter()
    kernel = registry.choose_backend(CPU).kernel
    forward = type(kernel).forward

    def record(self, scan, keep):
        if len(scan.A) == 4:  # CRM's have one order
            seen[(*scan.x.shape, scan.A.shape[-1])] += 1
        return forward(self, scan, keep)

    monkeypatch.setattr(type(kernel), "forward", record)
    with torch.no_grad():
        CIPA((128, 128)).eval()(torch.zeros(1, 2, 128, 128))
    expected = Counter({(s.maps, s.side, s.side, s.channels, s.states): s.count for s in step.shapes_of(1, 128)})
    assert seen == expected


def test_a_step_is_the_sum_of_its_scans(step, monkeypatch):
    monkeypatch.setattr(step, "scan_milliseconds", lambda *_: {"forward": 2.0, "backward": 3.0})
    monkeypatch.setattr(step, "scan_arguments", lambda *_: [])
    *rows, total = step.measure(step.Meter(CPU, 1), 12, 512, "torch")
    assert total["count"] == sum(row["count"] for row in rows)
    assert total["forward, ms"] == 2 * total["count"]
    assert total["backward, ms"] == 3 * total["count"]
