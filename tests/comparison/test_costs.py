"""Costs of networks, each measured in a process of its own."""

import json
import sys

import pytest

from nnunetv2_cipa.comparison.costs import measure_costs
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.model_folder import find_model


@pytest.fixture
def trained(nnunet):
    return find_model("Dataset777_Made", "nnUNetTrainer__nnUNetPlans__2d", ["0"])


def set_patch_size(trained, size):
    plans = json.loads((trained.folder / "plans.json").read_text())
    plans["configurations"]["2d"]["patch_size"] = size
    (trained.folder / "plans.json").write_text(json.dumps(plans))


@pytest.mark.slow
def test_costs_of_the_planned_network(trained):
    """Of a U-Net of two stages, counted by hand; its first map of 4 channels needs 16 MiB, and it keeps several."""
    set_patch_size(trained, [1024, 1024])
    ballast = b"x" * 2**30  # what this process holds is not part of the network's peak
    costs = measure_costs(trained, "cpu")
    assert len(ballast) == 2**30
    fine = 1024 * 1024
    convolutions = [  # pixels of the output, channels in, channels out, size of the kernel
        (fine, 2, 4, 9),
        (fine // 4, 4, 8, 9),
        (fine // 4, 8, 4, 4),  # transposed: each pixel of the input gives 4
        (fine, 8, 4, 9),
        (fine, 4, 2, 1),
    ]
    assert costs.flops == sum(2 * pixels * channels * out * size for pixels, channels, out, size in convolutions)
    weights = sum(channels * out * size + out for _, channels, out, size in convolutions)
    norms = 2 * (4 + 8 + 4)
    assert costs.parameters == weights + norms
    assert costs.patch_size == (1024, 1024)
    assert 32 * 2**20 < costs.peak_memory_bytes < 400 * 2**20
    assert 0.001 < costs.seconds_per_image < 60
    assert costs.device.startswith("cpu, ")
    assert costs.threads >= 1


def test_what_the_process_says_is_passed_on(trained, monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no network here >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(InputError, match=r"2d could not be measured on cpu \(exit code 1\):\nno network here$"):
        measure_costs(trained, "cpu")
