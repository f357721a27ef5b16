"""A trial scan, on the processor, and what it says where one fails."""

import shutil
import sysconfig

import pytest
import torch

from nnunetv2_cipa.scan import registry, trial
from nnunetv2_cipa.scan.torch_backend import TorchKernel

CPU = torch.device("cpu")


def test_agreement(monkeypatch):
    monkeypatch.delenv(registry.ENVIRONMENT_VARIABLE, raising=False)
    assert trial.trial_scan(CPU) is None


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setenv(registry.ENVIRONMENT_VARIABLE, "torch")


def test_a_failure_is_told_with_its_last_line(monkeypatch, plain):
    def fail(*arguments):
        raise RuntimeError("a trace\nno kernel image")

    monkeypatch.setattr(TorchKernel, "forward", fail)
    what, _ = trial.trial_scan(CPU)
    assert what == "A scan on cpu failed with RuntimeError: no kernel image"


def test_wrong_numbers_are_found(monkeypatch, plain):
    differences = iter([float("nan"), 0.1])
    monkeypatch.setattr(trial, "_difference", lambda device: next(differences))
    assert "scans wrongly on cpu: it is off by nan" in trial.trial_scan(CPU)[0]
    assert "off by 1.0e-01" in trial.trial_scan(CPU)[0]


def test_missing_compiler_and_headers(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "a C compiler" in trial.remedy(CPU)
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    assert "a C compiler" in trial.remedy(CPU)
    assert "Python's headers" in trial.remedy(CPU)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "a C compiler" not in trial.remedy(CPU)


def test_nothing_is_missing(monkeypatch, tmp_path):
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    assert "Choose another backend" in trial.remedy(CPU)


def test_an_old_card(monkeypatch, tmp_path):
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    assert "older than Triton supports" in trial.remedy(torch.device("cuda"))
