"""The folder for imported weights, as nnU-Net's commands for sharing models see it."""

import json
import sys

import pytest
import torch
from nnunetv2.model_sharing import entry_points
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.weights.folder_writing import write_model_folder

NAME = "Dataset998_CIPA/nnUNetTrainerCIPA_small__nnUNetPlans__2d"


@pytest.fixture
def results(tmp_path):
    write_model_folder(tmp_path / "results" / NAME, {"a": torch.ones(2)}, "small", (256, 256), "imported from x.pth")
    return tmp_path / "results"


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_nnunet_exports_and_installs_it(results, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    for folder, command, words in (
        (results, entry_points.export_pretrained_model_entry, "-d 998 -c 2d -tr nnUNetTrainerCIPA_small -f 0 -o"),
        (tmp_path / "elsewhere", entry_points.install_from_zip_entry_point, ""),
    ):
        monkeypatch.setenv("nnUNet_results", str(folder))
        monkeypatch.setattr(sys, "argv", ["nnU-Net", *words.split(), str(tmp_path / "model.zip")])
        command()
    assert len(contents(results)) == 6
    assert contents(tmp_path / "elsewhere") == contents(results)


def test_what_prediction_reads(results):
    checkpoint = torch.load(results / NAME / "fold_0" / "checkpoint_final.pth", weights_only=True)
    assert checkpoint["trainer_name"] == "nnUNetTrainerCIPA_small"
    assert checkpoint["inference_allowed_mirroring_axes"] is None
    plans = json.loads((results / NAME / "plans.json").read_text())
    assert checkpoint["init_args"]["plans"] == plans
    assert plans["dataset_name"] == "Dataset998_CIPA"
    assert plans["configurations"]["2d"]["patch_size"] == [256, 256]
    assert Image.open(results / NAME / "fold_0" / "progress.png").size[0] > 100


def test_an_existing_folder_stays(results):
    with pytest.raises(InputError, match="exists already"):
        write_model_folder(results / NAME, {}, "tiny", (128, 128), "another")
    assert torch.load(results / NAME / "fold_0" / "checkpoint_final.pth")["network_weights"]
