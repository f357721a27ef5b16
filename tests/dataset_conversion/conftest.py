"""A small folder in PCLT20K's layout, sound until a test spoils it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PATIENTS = 7
SLICES = (9, 10, 11)


@pytest.fixture
def write_slice() -> Callable[..., None]:
    """A function that writes the three images of a slice, 12 rows of 16 pixels, with a tumour of `area` pixels."""

    def write(root: Path, name: str, area: int = 5) -> None:
        folder = root / name.partition("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(list(name.encode()))
        for kind in ("CT", "PET"):
            Image.fromarray(random.integers(0, 256, (12, 16), dtype=np.uint8)).save(folder / f"{name}_{kind}.png")
        mask = np.zeros(12 * 16, np.uint8)
        mask[:area] = 255
        Image.fromarray(mask.reshape(12, 16)).save(folder / f"{name}_mask.png")

    return write


@pytest.fixture
def source(tmp_path: Path, write_slice: Callable[..., None]) -> Path:
    """Seven patients of three slices each, the last two patients for testing."""
    root = tmp_path / "PCLT20K"
    names = [f"{patient:04d}_{number}" for patient in range(1, PATIENTS + 1) for number in SLICES]
    for name in names:
        write_slice(root, name)
    (root / "train.txt").write_text("\n".join(names[: 5 * len(SLICES)]) + "\n")
    (root / "test.txt").write_text("\n".join(names[5 * len(SLICES) :]) + "\n")
    return root


@pytest.fixture
def nnunet_raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty nnUNet_raw; the other two folders of nnU-Net are not set."""
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    for variable in ("nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "raw"
