"""What the viewer shows of one case: slices of CT and PET with the outlines of the reference and of each model."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_images import read_channel

from .outlines import outline
from .sources import CaseSources

MOST_SLICES = 32
_CLIPPED_PERCENT = 0.05
_COMPRESSION = 4  # noisy CT takes half the time of the default 6 and is as small

Volume = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """What a file says beside its values.

    Attributes:
        spacing: Between rows and between columns.
        flipped: Axes of `(D, H, W)` that run against the patient's left or back.
    """

    spacing: tuple[float, float]
    flipped: tuple[int, ...]


def picture(case: CaseSources, reader: type[Any], foreground: Sequence[int]) -> dict[str, Any]:
    """Make the viewer's data of one case, ready for JSON.

    Of a volume those slices are shown that hold foreground of the reference or of a model; if there are more than
    `MOST_SLICES`, as many of them, evenly spaced; if there is none, the middle slice. Rows and columns run to the
    patient's back and left where the file says how it lies in space, as radiologists look at axial slices.

    Args:
        case: Its files.
        reader: nnU-Net's class for such files.
        foreground: Label values that together are the foreground.

    Returns:
        Size in pixels, ratio of a pixel's height to its width, index of the slice to begin with, range of CT and PET,
        and for each slice its number in the file, two PNGs as data URLs, and outlines: the reference's first.

    Raises:
        InputError: a file is unreadable or has another shape than the reference.
    """
    labels, grid = _read_labels(case.reference, reader)
    masks = [np.isin(labels, foreground)]
    masks += [np.isin(_same_grid(_read_labels(file, reader)[0], labels, file), foreground) for file in case.predictions]
    images = [_same_grid(_read_image(file, reader), labels, file) for file in case.images or ()]
    masks = [np.flip(mask, grid.flipped) for mask in masks]
    numbers = shown_slices(np.logical_or.reduce(masks).any(axis=(1, 2)))
    sizes = [(int(masks[0][number].sum()), sum(int(mask[number].sum()) for mask in masks)) for number in numbers]
    modalities = [grey_levels(np.flip(image, grid.flipped)[numbers]) for image in images]
    return {
        "height": labels.shape[1],
        "width": labels.shape[2],
        "pixel": round(grid.spacing[0] / grid.spacing[1], 4),
        "first": sizes.index(max(sizes)),
        "ranges": [range_ for _, range_ in modalities],
        "slices": [
            {
                "number": number,
                "images": [data_url(levels[index]) for levels, _ in modalities],
                "outlines": [outline(mask[number]) for mask in masks],
            }
            for index, number in enumerate(numbers)
        ],
    }


def shown_slices(has_foreground: NDArray[np.bool_]) -> list[int]:
    """Numbers of the slices that are shown, by whether each one holds foreground."""
    numbers = np.flatnonzero(has_foreground)
    if not numbers.size:
        return [len(has_foreground) // 2]
    chosen = np.linspace(0, numbers.size - 1, min(numbers.size, MOST_SLICES)).round().astype(int)
    return [int(number) for number in numbers[chosen]]


def grey_levels(image: Volume) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Bring values to 0..255, and say which values these two stand for.

    What has 8 bits already is kept. Else the lowest and highest 0.05 % are clipped, so that neither metal nor a full
    bladder takes the levels from all else.
    """
    low, high = float(image.min()), float(image.max())
    if low >= 0 and high <= 255 and bool((image == np.round(image)).all()):
        return image.astype(np.uint8), (0.0, 255.0)
    low, high = (float(value) for value in np.percentile(image, (_CLIPPED_PERCENT, 100 - _CLIPPED_PERCENT)))
    if low == high:
        high = low + 1
    scaled = (np.clip(image, low, high) - low) * (255 / (high - low))
    return np.round(scaled).astype(np.uint8), (round(low, 3), round(high, 3))


def data_url(image: NDArray[np.uint8]) -> str:
    """A grey image `(H, W)` as a PNG, without loss, in a data URL."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=_COMPRESSION)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _read_labels(file: Path, reader: type[Any]) -> tuple[Volume, Grid]:
    values, properties = read_channel(file, lambda: reader().read_seg(str(file)))
    spacing = [float(length) for length in properties["spacing"][1:]]
    direction = properties.get("sitk_stuff", {}).get("direction", ())
    against = [axis for axis, entry in ((2, 0), (1, 4)) if len(direction) == 9 and direction[entry] < 0]
    return values, Grid((spacing[0], spacing[1]), tuple(against))


def _read_image(file: Path, reader: type[Any]) -> Volume:
    return read_channel(file, lambda: reader().read_images([str(file)]))[0]


def _same_grid(values: Volume, labels: Volume, file: Path) -> Volume:
    if values.shape != labels.shape:
        size, expected = ("x".join(map(str, shape)) for shape in (values.shape, labels.shape))
        raise InputError(f"{file} has {size} pixels, its reference {expected}.")
    return values
