"""`nnUNetv2_cipa import_weights`, through nnU-Net's own commands: PNG in, published probabilities out."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from nnunetv2.inference.sliding_window_prediction import compute_gaussian
from PIL import Image
from torch import Tensor

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.weights import from_published

SIZE = 128
BORDER = 10


def stock(command: str, *arguments: object) -> None:
    """Run a command of nnU-Net's."""
    script = Path(sys.executable).with_name(command)
    words = [str(script), *map(str, arguments)]
    variables = os.environ | {"nnUNet_def_n_proc": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def bordered(images: np.ndarray) -> np.ndarray:
    """CT and PET (2, H, W) with black rows on top."""
    images = images.copy()
    images[:, :BORDER] = 0
    return images


def marked(images: np.ndarray) -> np.ndarray:
    """The same with PET's first and last pixel brighter than black."""
    images = images.copy()
    for corner in ((0, 0), (-1, -1)):
        images[1][corner] = max(1, images[1][corner])
    return images


def centred(images: np.ndarray) -> np.ndarray:
    """What nnU-Net makes of `bordered`: the black rows cropped, the rest in the middle."""
    return np.roll(images, -(BORDER // 2), axis=1)


@pytest.fixture(scope="module")
def cases(rule) -> dict[str, np.ndarray]:
    first, second = rule.images(2, SIZE)
    return {"first": first, "second": second, "bordered": bordered(first), "marked": marked(bordered(first))}


@pytest.fixture(scope="module")
def model(cipa_file, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("imported") / "model"
    assert main(["import_weights", str(cipa_file), "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def predictions(model, cases, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("predicted")
    (folder / "images").mkdir()
    for case, images in cases.items():
        for channel, image in enumerate(images):
            Image.fromarray(image).save(folder / "images" / f"{case}_{channel:04d}.png")
    stock(
        "nnUNetv2_predict_from_modelfolder",
        *("-m", model, "-f", 0, "-i", folder / "images", "-o", folder / "out"),
        *("--save_probabilities", "-device", "cpu", "-npp", 1, "-nps", 1),
    )
    return folder / "out"


@pytest.fixture(scope="module")
def published_logits(golden_weights, blank_network):
    """Function from 8-bit images (2, H, W) to the published logits (H, W)."""
    network = blank_network((SIZE, SIZE), 1)
    network.load_state_dict(from_published(golden_weights, num_classes=1))

    def logits(images: np.ndarray) -> Tensor:
        with torch.inference_mode():
            return network(torch.from_numpy(images).float()[None] / 255 * 3.2 - 1.6)[0, 0]

    return logits


def probabilities(folder: Path, case: str) -> Tensor:
    with np.load(folder / f"{case}.npz") as file:
        return torch.from_numpy(file["probabilities"])[1, 0]


def float16_error(logits: Tensor) -> Tensor:
    """How far nnU-Net's probabilities can be off: it sums logits, weighted by a Gaussian, and divides, in float16."""
    gaussian = compute_gaussian((SIZE, SIZE), sigma_scale=1 / 8, value_scaling_factor=10, device=torch.device("cpu"))
    weighted = (logits.abs() * gaussian.float()).clamp(min=2.0**-14)
    spacing = 2.0 ** (weighted.log2().floor() - 10)
    return (spacing / 2 / gaussian.float() + logits.abs() * 2.0**-11) / 4


@pytest.mark.slow
def test_the_network_in_the_folder_gives_the_golden_probabilities(model, cases, golden, blank_network):
    checkpoint = torch.load(model / "fold_0" / "checkpoint_final.pth", weights_only=True)
    network = blank_network((SIZE, SIZE))
    network.load_state_dict(checkpoint["network_weights"])
    images = torch.from_numpy(np.stack([cases["first"], cases["second"]])).float() / 255
    with torch.inference_mode():
        found = network(images).softmax(dim=1)[:, 1:]
    expected = torch.sigmoid(torch.from_numpy(golden["logits"]))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("case", "number"), [("first", 0), ("second", 1)])
@pytest.mark.slow
def test_stock_prediction_gives_the_golden_probabilities(predictions, golden, case, number):
    logits = torch.from_numpy(golden["logits"])[number, 0]
    found, expected = probabilities(predictions, case), torch.sigmoid(logits)
    error = (found - expected).abs()
    assert (error <= 1e-4 + float16_error(logits)).all()
    assert error.mean() < 1e-4
    assert np.array_equal(np.array(Image.open(predictions / f"{case}.png")), (found > 0.5).numpy())
    assert ((found > 0.5) != (expected > 0.5)).sum() <= 2


@pytest.mark.slow
def test_black_borders_are_cropped_unless_marked(predictions, cases, published_logits):
    """nnU-Net crops rows that are black in both images and centres the rest, unless there is a pixel in the corners."""
    logits = published_logits(cases["bordered"])
    kept = (probabilities(predictions, "marked") - torch.sigmoid(logits)).abs()
    assert (kept <= 1e-3 + float16_error(logits)).all()
    moved = published_logits(centred(cases["bordered"]))
    found = probabilities(predictions, "bordered")[BORDER:]
    start = BORDER // 2
    expected, tolerance = (x[start : start + SIZE - BORDER] for x in (torch.sigmoid(moved), float16_error(moved)))
    assert ((found - expected).abs() <= 1e-4 + tolerance).all()
    assert (found - torch.sigmoid(logits)[BORDER:]).abs().max() > 0.3


def test_refuses_vmamba_without_a_dataset(old_vmamba_state_dict, tmp_path, capsys):
    torch.save({"model": old_vmamba_state_dict}, tmp_path / "vssm.pth")
    assert main(["import_weights", str(tmp_path / "vssm.pth"), "-o", str(tmp_path / "model")]) == 1
    assert "VMamba's encoder alone, which cannot predict" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_nothing_is_overwritten_unasked(cipa_file, tmp_path, capsys):
    (tmp_path / "model").mkdir()
    assert main(["import_weights", str(cipa_file), "-o", str(tmp_path / "model")]) == 1
    assert "model exists already" in capsys.readouterr().err
