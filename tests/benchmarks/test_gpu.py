"""The logic of the GPU benchmark, on the processor and with small sizes."""

import json
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not here")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def gpu():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(FOLDER)
        import gpu

        yield gpu


@pytest.mark.slow
def test_numbers_of_the_golden_network(gpu):
    exact, brain = gpu.numbers(CPU, (torch.float32, torch.bfloat16))
    assert [row["precision"] for row in (exact, brain)] == ["float32", "bfloat16"]
    assert exact["logits, largest deviation"] < 1e-4
    assert exact["gradient, deviation of its norm"] < 1e-3
    assert exact["logits, largest deviation"] < brain["logits, largest deviation"] < 0.5


def test_every_backend_is_timed_in_both_passes(gpu):
    rows = gpu.scan(gpu.Meter(CPU, 1), 1, 3, channels=32, states=2)
    assert {row["pass"] for row in rows} == {"forward", "backward"}
    assert {row["backend"] for row in rows} >= {"torch"}
    assert all(row["ms"] > 0 and row["limit, ms"] is None for row in rows)


@pytest.mark.slow
def test_networks_are_set_beside_each_other(gpu):
    unet, cipa = gpu.network(gpu.Meter(CPU, 1), 32, [1], ["eager"])
    assert (unet["network"], cipa["network"]) == ("U-Net", "CIPA-tiny")
    assert unet["step to U-Net"] == 1
    assert cipa["step to U-Net"] == cipa["step, ms"] / unet["step, ms"]


def test_a_network_that_does_not_fit_is_a_gap_in_the_table(gpu, monkeypatch):
    def full(meter, call):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(gpu.Meter, "milliseconds", full)
    rows = gpu.network(gpu.Meter(CPU, 1), 32, [1], ["eager"])
    assert [row["step, ms"] for row in rows] == [None, None]


def test_limit(gpu, monkeypatch):
    class Properties:
        multi_processor_count = 132

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(gpu, "highest_clock", lambda device: 1.755e9)
    steps = 128 * 128 * 4 * 192
    assert gpu.limit_milliseconds(torch.device("cuda"), steps, 16) == pytest.approx(0.054, rel=0.01)
    assert gpu.limit_milliseconds(CPU, steps, 16) is None


def test_report(gpu, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(gpu.PARTS, "numbers", lambda meter, arguments: [{"precision": "float32"}])
    monkeypatch.setitem(gpu.PARTS, "training", lambda meter, arguments: [])
    output = tmp_path / "new" / "gpu.json"
    command = ["gpu.py", "--device", "cpu", "--parts", "numbers", "training", "-o", str(output)]
    monkeypatch.setattr(sys, "argv", command)
    gpu.main()
    assert json.loads(output.read_text())["results"] == {"numbers": [{"precision": "float32"}], "training": []}
    text = output.with_suffix(".md").read_text()
    assert "## training\n\nnot measured" in text
    assert text.strip() == capsys.readouterr().out.strip()


def test_without_a_gpu_it_says_so(gpu, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit):
        gpu.main()
    assert "PyTorch finds no GPU" in capsys.readouterr().err


def test_no_training_without_nnunetv2(gpu, monkeypatch):
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None)
    assert gpu.training(CPU, 64) == []


@pytest.mark.slow
def test_what_it_needs_is_importable_without_nnunetv2():
    import subprocess

    code = """if True:
        import sys
        for name in ("nnunetv2", "batchgenerators"):
            sys.modules[name] = None
        import gpu, nnunetv2_cipa.network, nnunetv2_cipa.scan
    """
    subprocess.run([sys.executable, "-c", code], check=True, cwd=FOLDER)
