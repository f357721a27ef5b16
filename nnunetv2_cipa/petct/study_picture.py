"""A picture of a study: projection of the PET with the outline of its label, beside CT slices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

SUV_SHOWN = 10.0
HU_SHOWN = (-160.0, 240.0)
_COLOURS = ("#d62728", "#1f9e3d", "#1f77b4", "#ff7f0e")


def draw_study(path: Path, ct: sitk.Image, pet: sitk.Image, label: sitk.Image | None, title: str) -> None:
    """Draw a coronal maximum projection of the PET, and a coronal and an axial slice of the CT, with the label.

    The CT slices go through the label's middle, else through the middle of the volume.

    Args:
        path: of the PNG.
        ct: HU.
        pet: SUV, on the same grid.
        label: class numbers on the same grid.
        title: of the picture.
    """
    order = _towards_feet_and_left(ct)
    hu, suv = _turned(ct, order), _turned(pet, order)
    classes = np.zeros(hu.shape, np.uint8) if label is None else _turned(label, order)
    steps = [ct.GetSpacing()[::-1][axis] for axis, _ in order]
    middle = _middle(classes)
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    coronal, axial = steps[0] / steps[2], steps[1] / steps[2]
    axes[0].imshow(suv.max(axis=1), cmap="gray_r", vmin=0, vmax=SUV_SHOWN, aspect=coronal)
    _outline(axes[0], classes.max(axis=1))
    axes[0].set_title(f"PET, maximum projection, SUV 0 to {SUV_SHOWN:g}")
    axes[1].imshow(hu[:, middle[1]], cmap="gray", vmin=HU_SHOWN[0], vmax=HU_SHOWN[1], aspect=coronal)
    _outline(axes[1], classes[:, middle[1]])
    axes[1].set_title("CT, coronal")
    axes[2].imshow(hu[middle[0]], cmap="gray", vmin=HU_SHOWN[0], vmax=HU_SHOWN[1], aspect=axial)
    _outline(axes[2], classes[middle[0]])
    axes[2].set_title("CT, axial")
    for axis in axes:
        axis.set_axis_off()
    figure.suptitle(title)
    figure.savefig(path, dpi=100)


def _towards_feet_and_left(image: sitk.Image) -> list[tuple[int, bool]]:
    """Array axis, and whether to flip it, that runs towards the feet, the back and the patient's left."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    order = []
    for patient_axis, sign in ((2, -1), (1, 1), (0, 1)):
        column = int(np.abs(direction[patient_axis]).argmax())
        order.append((2 - column, bool(direction[patient_axis, column] * sign < 0)))
    return order


def _turned(image: sitk.Image, order: Sequence[tuple[int, bool]]) -> NDArray[Any]:
    values: NDArray[Any] = sitk.GetArrayViewFromImage(image).transpose([axis for axis, _ in order])
    return np.flip(values, tuple(number for number, (_, flipped) in enumerate(order) if flipped))


def _middle(classes: NDArray[np.uint8]) -> list[int]:
    """The slices with most of the label along each axis, else the middle ones."""
    if not classes.any():
        return [length // 2 for length in classes.shape]
    sums = [np.count_nonzero(classes, axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    return [int(total.argmax()) for total in sums]


def _outline(axis: Any, classes: NDArray[np.uint8]) -> None:  # noqa: ANN401 - matplotlib's axes
    for number in np.unique(classes[classes > 0]):
        inside = np.pad(classes == number, 1)
        axis.contour(
            np.arange(-1, classes.shape[1] + 1),
            np.arange(-1, classes.shape[0] + 1),
            inside,
            levels=[0.5],
            colors=[_COLOURS[(int(number) - 1) % len(_COLOURS)]],
            linewidths=1.0,
        )
