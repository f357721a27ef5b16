"""Folders of predictions."""

import json

import numpy as np
import pytest
from PIL import Image

SLICES = {"b_10": (4, 6), "b_9": (4, 6), "a_1": (4, 6)}


def pattern(name, shape):
    """A mask of its own for every name; empty for a_1."""
    if name == "a_1":
        return np.zeros(shape, dtype=bool)
    return np.random.default_rng(sum(map(ord, name))).random(shape) < 0.5


@pytest.fixture
def masks():
    return {name: pattern(name, shape) for name, shape in SLICES.items()}


@pytest.fixture
def predictions(tmp_path, masks):
    """A folder of PNG slices of label 1, with the files that nnU-Net leaves beside them."""
    folder = tmp_path / "predictions"
    folder.mkdir()
    for name, mask in masks.items():
        Image.fromarray(mask.astype(np.uint8)).save(folder / f"{name}.png")
    dataset = {"file_ending": ".png", "labels": {"background": 0, "tumour": 1}, "channel_names": {"0": "CT"}}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "plans.json").write_text("{}")
    return folder
