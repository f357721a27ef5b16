"""Files in the layouts of CIPA's and VMamba's published weights, made of golden weights, and a planned dataset."""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nnunetv2_cipa.network import CIPA

SIZE = 128
ENCODER = "backbone.vssm."
OLD_SPELLINGS = (
    ("patch_embed.0.", "patch_embed.proj."),
    ("patch_embed.2.", "patch_embed.norm."),
    (".norm.", ".ln_1."),
    (".op.", ".self_attention."),
)


@pytest.fixture(scope="session")
def golden_weights(published_state_dict) -> dict[str, Tensor]:
    """The published state dict for 128x128."""
    return published_state_dict(SIZE)


@pytest.fixture(scope="session")
def published_keys_512() -> dict[str, list[int]]:
    """Names and shapes of the published network for 512x512."""
    return json.loads((Path(__file__).parents[1] / "golden" / "official_tiny_512_keys.json").read_text())


@pytest.fixture(scope="session")
def cipa_file(golden_weights, tmp_path_factory) -> Path:
    """CIPA.pth as published, with the command line and the optimiser of its training."""
    path = tmp_path_factory.mktemp("published") / "CIPA.pth"
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 6e-5, "params": [0]}]}
    command_line = argparse.Namespace(local_rank=0, continue_fpath=None)
    torch.save({"model": golden_weights, "optimizer": optimizer, "epoch": 50, "args": command_line}, path)
    return path


@pytest.fixture(scope="session")
def vmamba_state_dict(golden_weights) -> dict[str, Tensor]:
    """An ImageNet checkpoint's state dict with VMamba's later names."""
    encoder = {
        key.removeprefix(ENCODER): value
        for key, value in golden_weights.items()
        if key.startswith(ENCODER) and "outnorm" not in key
    }
    head = {"classifier.norm.weight": torch.ones(768), "classifier.head.weight": torch.ones(1000, 768)}
    return encoder | head


@pytest.fixture(scope="session")
def old_vmamba_state_dict(vmamba_state_dict) -> dict[str, Tensor]:
    """The same with VMamba's first names."""

    def old(key: str) -> str:
        in_block = key.startswith("layers.") and ".downsample." not in key
        spellings = OLD_SPELLINGS[2:] if in_block else OLD_SPELLINGS[:2]
        for new, former in spellings:
            key = key.replace(new, former)
        return key.removeprefix("classifier.")

    return {old(key): value for key, value in vmamba_state_dict.items()}


@pytest.fixture(scope="session")
def blank_network() -> Callable[..., CIPA]:
    """A function that makes a CIPA of zeros, which takes a fraction of the time of an initialised one."""

    def make(patch_size: tuple[int, int], num_classes: int = 2, **options) -> CIPA:
        with torch.device("meta"):
            network = CIPA(patch_size, num_classes, **options)
        network = network.to_empty(device="cpu").eval()
        for value in network.state_dict().values():
            value.zero_()
        network.channel_order.copy_(torch.arange(2))
        return network

    return make


@pytest.fixture
def planned_dataset(tmp_path, monkeypatch) -> Callable[..., str]:
    """A function that plans and preprocesses a dataset of five random slices and returns its name."""
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))

    def plan(patch_size: tuple[int, int], normalization: str = "RGBTo01Normalization", classes: int = 2) -> str:
        from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
        from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

        from nnunetv2_cipa.weights.folder_writing import png_plans

        folder = tmp_path / "nnUNet_preprocessed" / "Dataset777_Slices"
        shutil.rmtree(folder, ignore_errors=True)
        cases = folder / "nnUNetPlans_2d"
        cases.mkdir(parents=True)
        labels = {"background": 0} | {f"kind{number}": number for number in range(1, classes)}
        dataset_json = {"channel_names": {"0": "CT", "1": "PET"}, "labels": labels, "numTraining": 5}
        dataset_json |= {"file_ending": ".png"}
        plans = png_plans(folder.name, patch_size)
        plans["configurations"]["2d"]["normalization_schemes"] = [normalization] * 2
        for name, content in (
            ("dataset.json", dataset_json),
            ("nnUNetPlans.json", plans),
            ("dataset_fingerprint.json", {}),
        ):
            (folder / name).write_text(json.dumps(content))
        manager = PlansManager(plans)
        random = np.random.default_rng(0)
        (folder / "gt_segmentations").mkdir()
        for number in range(5):
            files = [folder / f"case{number}_000{channel}.png" for channel in range(2)]
            for file in files:
                Image.fromarray(random.integers(1, 256, patch_size, dtype=np.uint8)).save(file)
            label = folder / "gt_segmentations" / f"case{number}.png"
            Image.fromarray(random.integers(0, classes, patch_size, dtype=np.uint8)).save(label)
            DefaultPreprocessor(verbose=False).run_case_save(
                str(cases / f"case{number}"), files, label, manager, manager.get_configuration("2d"), dataset_json
            )
        return folder.name

    return plan
