"""A cross-validation, and predictions of a test set, as nnU-Net writes them."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def trained(tmp_path):
    """A model whose probabilities are too low by half, with specks where there is no tumour; and labelsTr."""
    generator = np.random.default_rng(0)
    model, labels = tmp_path / "TRAINER__PLANS__2d", tmp_path / "labelsTr"
    labels.mkdir()
    dataset = json.dumps({"labels": {"background": 0, "tumour": 1}, "file_ending": ".png"})
    for fold in range(3):
        folder = model / f"fold_{fold}" / "validation"
        folder.mkdir(parents=True)
        for case, tumour in ((f"p{fold}_1", True), (f"q{fold}_1", False)):
            mask = np.zeros((32, 32), dtype=np.uint8)
            mask[8:20, 8:18] = tumour
            foreground = 0.35 * mask + 0.05 * generator.random(mask.shape)
            foreground[28, ::6] = 0.9
            write_probabilities(folder / f"{case}.npz", foreground)
            Image.fromarray(mask).save(labels / f"{case}.png")
    (model / "dataset.json").write_text(dataset)
    return model, labels


@pytest.fixture
def predicted(tmp_path):
    """Predictions of a test set: one case with a tumour, one without."""
    folder = tmp_path / "predictions"
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "tumour": 1}, "file_ending": ".png"}))
    (folder / "plans.json").write_text(json.dumps({"image_reader_writer": "NaturalImage2DIO"}))
    for case, inside in (("t_1", 0.38), ("t_2", 0.1)):
        foreground = np.full((32, 32), 0.02)
        foreground[8:20, 8:18] = inside
        foreground[28, ::6] = 0.9
        write_probabilities(folder / f"{case}.npz", foreground)
    return folder


def write_probabilities(file, foreground):
    values = np.stack([1 - foreground, foreground]).astype(np.float16)[:, np.newaxis]
    np.savez_compressed(file, probabilities=values)
    file.with_suffix(".pkl").write_bytes(pickle.dumps({"spacing": (999, 1, 1)}))
