"""One picture that compares models: CT, PET, reference and predictions of a few slices."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

REFERENCE_COLOUR = "#00c853"
PREDICTION_COLOUR = "#ff3d00"
INCHES_PER_IMAGE = 2.0


def draw_overlay(path: Path, dataset: Path, predictions: Mapping[str, Path], cases: Sequence[str]) -> None:
    """Write a PNG with one row per case: CT, PET, CT with the reference, and CT with each prediction over it.

    Args:
        path: of the PNG.
        dataset: an nnU-Net data set with `imagesTs` and `labelsTs` as PNG, channel 0 CT and channel 1 PET.
        predictions: folder of predicted PNGs by the model's name.
        cases: case identifiers.
    """
    titles = ["CT", "PET", "reference", *predictions]
    figure = Figure(figsize=(INCHES_PER_IMAGE * len(titles), INCHES_PER_IMAGE * len(cases) + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(cases), len(titles), squeeze=False)
    for row, case in zip(axes, cases, strict=True):
        ct = _read(dataset / "imagesTs" / f"{case}_0000.png")
        reference = _read(dataset / "labelsTs" / f"{case}.png")
        row[0].imshow(ct, cmap="gray")
        row[0].set_ylabel(case, fontsize=8)
        row[1].imshow(_read(dataset / "imagesTs" / f"{case}_0001.png"), cmap="gray_r")
        for axis in row[2:]:
            axis.imshow(ct, cmap="gray")
            _contour(axis, reference, REFERENCE_COLOUR)
        for axis, folder in zip(row[3:], predictions.values(), strict=True):
            _contour(axis, _read(folder / f"{case}.png"), PREDICTION_COLOUR)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(path, dpi=150)


def _contour(axis, mask: NDArray[np.uint8], colour: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    if mask.any() and not mask.all():
        axis.contour(mask > 0, levels=[0.5], colors=[colour], linewidths=1.0)


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)
