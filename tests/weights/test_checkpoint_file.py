"""Checkpoints are read as data: what is allowed, what is refused, and what is said then."""

import argparse
import collections
import os
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.weights.checkpoint_file import read_checkpoint, state_dict_of

WEIGHTS = {"a.weight": torch.arange(3.0)}


class Malicious:
    """Makes a folder when unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def saved(path, content, **options):
    torch.save(content, path / "file.pth", **options)
    return path / "file.pth"


@pytest.mark.parametrize("legacy", [False, True])
def test_reads_what_trainings_save_beside_weights(tmp_path, legacy):
    content = {
        "model": collections.OrderedDict(WEIGHTS),
        "args": argparse.Namespace(lr=1e-4, devices=[0, 1]),
        "logging": {"dice": [np.float64(0.5), np.float32(0.25)], "best": np.int64(3)},
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}},
    }
    path = saved(tmp_path, content, _use_new_zipfile_serialization=not legacy)
    checkpoint = read_checkpoint(path)
    assert checkpoint["logging"]["dice"] == [0.5, 0.25]
    assert torch.equal(state_dict_of(checkpoint, path)["a.weight"], WEIGHTS["a.weight"])


@pytest.mark.parametrize("legacy", [False, True])
def test_can_leave_values_in_the_file(tmp_path, legacy):
    content = {"model": WEIGHTS, "logging": [np.float64(0.5)]}
    checkpoint = read_checkpoint(saved(tmp_path, content, _use_new_zipfile_serialization=not legacy), device="meta")
    assert checkpoint["logging"] == [0.5]
    assert checkpoint["model"]["a.weight"].is_meta
    assert checkpoint["model"]["a.weight"].shape == (3,)


def test_reads_the_settings_of_vmamba_without_yacs(tmp_path, monkeypatch):
    node = type("CfgNode", (dict,), {"__module__": "yacs.config"})
    module = ModuleType("yacs.config")
    module.CfgNode = node
    monkeypatch.setitem(sys.modules, "yacs", ModuleType("yacs"))
    monkeypatch.setitem(sys.modules, "yacs.config", module)
    settings = node(MODEL=node(NAME="vssm"))
    settings.__dict__["__immutable__"] = True
    path = saved(tmp_path, {"model": WEIGHTS, "config": settings})
    monkeypatch.undo()
    assert read_checkpoint(path)["config"]["MODEL"]["NAME"] == "vssm"


@pytest.mark.parametrize("key", ["model", "state_dict", "network_weights", None])
def test_finds_the_state_dict(tmp_path, key):
    path = saved(tmp_path, WEIGHTS if key is None else {key: WEIGHTS, "epoch": 3})
    assert set(state_dict_of(read_checkpoint(path), path)) == {"a.weight"}


def test_code_is_refused_and_not_run(tmp_path):
    path = saved(tmp_path, {"model": WEIGHTS, "hook": Malicious(tmp_path / "made")})
    with pytest.raises(InputError, match=r"holds more than weights.*mkdir"):
        read_checkpoint(path)
    assert not (tmp_path / "made").exists()


def test_damaged_files_are_refused(tmp_path):
    path = saved(tmp_path, {"model": {"a.weight": torch.zeros(5000)}})
    content = path.read_bytes()
    for damage in (content[: len(content) // 2], b"", b"not a checkpoint", content[:100] + bytes(500) + content[600:]):
        path.write_bytes(damage)
        with pytest.raises(InputError, match="is damaged, or not a PyTorch checkpoint"):
            read_checkpoint(path)


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read_checkpoint(tmp_path / "absent.pth")
    with pytest.raises(InputError, match="holds a Tensor, not a checkpoint's dict"):
        read_checkpoint(saved(tmp_path, torch.zeros(3)))
    with pytest.raises(InputError, match=r"holds no weights.*It has epoch"):
        state_dict_of({"epoch": 3}, tmp_path)
    with pytest.raises(InputError, match=r"NaN or infinite values in 1 tensors, a\.weight"):
        state_dict_of({"model": {"a.weight": torch.tensor(torch.nan)}}, tmp_path)
