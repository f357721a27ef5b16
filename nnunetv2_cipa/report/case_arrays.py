"""The arrays of one case, as the viewer sees them: all on one grid, rows and columns as radiologists look at them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_images import as_labels, read_channel
from nnunetv2_cipa.evaluation.overlap import Mask

from .sources import CaseSources

Volume = NDArray[np.float32]
LabelVolume = NDArray[np.uint16]


@dataclass(frozen=True)
class Grid:
    """What a file says beside its values.

    Attributes:
        spacing: Between slices, rows and columns.
        flipped: Axes of `(D, H, W)` that run against the patient's left or back.
        is_head_last: Whether slices run to the patient's head, as where a file does not tell.
        has_size: Whether spacings are in mm.
    """

    spacing: tuple[float, float, float]
    flipped: tuple[int, ...]
    is_head_last: bool
    has_size: bool


@dataclass(frozen=True)
class CaseArrays:
    """Labels of one case, and how to read its images.

    Attributes:
        grid: Of all files.
        labels: `(D, H, W)` of the reference, and of each model.
        readers: Of CT and PET, `(D, H, W)`; one is read at a time, as they are large.
    """

    grid: Grid
    labels: tuple[LabelVolume, ...]
    readers: tuple[Callable[[], Volume], ...]

    def masks(self, foreground: Sequence[int]) -> list[Mask]:
        """Foreground of the reference and of each model."""
        return [np.isin(labels, foreground) for labels in self.labels]


def read_case(case: CaseSources, reader: type[Any]) -> CaseArrays:
    """Read the labels of a case. Rows and columns run to the patient's back and left where the file says how it lies.

    Args:
        case: Its files.
        reader: nnU-Net's class for such files.

    Raises:
        InputError: a file is unreadable or has another shape than the reference; for images, when they are read.
    """
    reference, properties = read_channel(case.reference, lambda: reader().read_seg(str(case.reference)))
    grid = _grid(properties)

    def labels_of(file: Path) -> LabelVolume:
        values, _ = read_channel(file, lambda: reader().read_seg(str(file)))
        return _labels(_same_grid(values, reference, file), grid)

    def image_of(file: Path) -> Volume:
        values, _ = read_channel(file, lambda: reader().read_images([str(file)]))
        return np.flip(_same_grid(values, reference, file), grid.flipped)

    return CaseArrays(
        grid,
        (_labels(reference, grid), *map(labels_of, case.predictions)),
        tuple(partial(image_of, file) for file in case.images or ()),
    )


def _grid(properties: dict[str, Any]) -> Grid:
    spacing = tuple(float(length) for length in properties["spacing"])
    direction = properties.get("sitk_stuff", {}).get("direction", ())
    in_space = len(direction) == 9
    against = [axis for axis, entry in ((2, 0), (1, 4)) if in_space and direction[entry] < 0]
    has_size = "sitk_stuff" in properties or "nibabel_stuff" in properties
    return Grid((spacing[0], spacing[1], spacing[2]), tuple(against), not (in_space and direction[8] < 0), has_size)


def _labels(values: Volume, grid: Grid) -> LabelVolume:
    return np.flip(as_labels(values).astype(np.uint16), grid.flipped)


def _same_grid(values: Volume, labels: Volume, file: Path) -> Volume:
    if values.shape != labels.shape:
        size, expected = ("x".join(map(str, shape)) for shape in (values.shape, labels.shape))
        raise InputError(f"{file} has {size} pixels, its reference {expected}.")
    return values
