"""Ensembles whose members disagree more or less, written as nnU-Net writes them."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

CASES = ("a", "b", "c")


def softmax_of(foreground):
    """Probabilities `(2, D, H, W)`, as nnU-Net saves them."""
    return np.stack([1 - foreground, foreground]).astype(np.float16)


@pytest.fixture
def truth():
    """Masks of three slices: a disc, the same disc, nothing."""
    y, x = np.mgrid[:24, :24]
    disc = (y - 12) ** 2 + (x - 10) ** 2 < 30
    return {"a": disc, "b": disc, "c": np.zeros_like(disc)}


@pytest.fixture
def write_member():
    """A function that writes the predictions of one member: foreground probabilities by case."""

    def write(folder: Path, foreground, labels=None, ending=".png", spacing=None):
        folder.mkdir(parents=True)
        content = {"labels": labels or {"background": 0, "tumour": 1}, "file_ending": ending}
        (folder / "dataset.json").write_text(json.dumps(content))
        for case, values in foreground.items():
            values = np.asarray(values, dtype=np.float32)
            volume = values if values.ndim == 3 else values[np.newaxis]
            np.savez_compressed(folder / f"{case}.npz", probabilities=softmax_of(volume))
            properties = {"spacing": (999, 1, 1)}
            if spacing is not None:
                direction = tuple(np.eye(3).ravel())
                properties = {"sitk_stuff": {"spacing": spacing, "origin": (1.0, 2.0, 3.0), "direction": direction}}
            (folder / f"{case}.pkl").write_bytes(pickle.dumps(properties))
        return folder

    return write


@pytest.fixture
def write_references():
    """A function that writes label files as PNG."""

    def write(folder: Path, masks):
        folder.mkdir(parents=True)
        for case, mask in masks.items():
            Image.fromarray(np.asarray(mask, dtype=np.uint8)).save(folder / f"{case}.png")
        return folder

    return write


@pytest.fixture
def write_volume():
    """A function that writes a label volume."""

    def write(file: Path, mask, spacing, origin=(1.0, 2.0, 3.0)):
        file.parent.mkdir(parents=True, exist_ok=True)
        image = sitk.GetImageFromArray(np.asarray(mask, dtype=np.uint8))
        image.SetSpacing(spacing)
        image.SetOrigin(origin)
        sitk.WriteImage(image, str(file))

    return write


@pytest.fixture
def members(tmp_path, truth, write_member):
    """Three members: alike on a, apart on b, and one that alone sees something in c."""
    folders = []
    for shift in (0, 2, 4):
        near = np.where(truth["a"], 0.95, 0.02)
        apart = np.where(np.roll(truth["b"], shift, axis=1), 0.8, 0.1)
        nothing = np.full(truth["c"].shape, 0.01)
        if shift == 4:
            nothing[2:4, 2:4] = 0.6
        folders.append(write_member(tmp_path / f"member{shift}", {"a": near, "b": apart, "c": nothing}))
    return folders
