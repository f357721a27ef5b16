"""What the viewer shows of one case: slices of CT and PET with the outlines of the reference and of each model."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .case_arrays import Volume, read_case
from .outlines import outline
from .projections import lesions, project, projections
from .sources import CaseSources

_CLIPPED_PERCENT = 0.05
_EVEN = 1e-30  # a smaller range has no scale to 255 levels in float32
_COMPRESSION = 4  # noisy CT takes half the time of the default 6 and is as small


def picture(case: CaseSources, reader: type[Any], labels: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Make the viewer's data of one case, ready for JSON.

    Of a volume those slices are shown that hold foreground of the reference or of a model; if there is none, the middle
    slice.

    Args:
        case: Its files.
        reader: nnU-Net's class for such files.
        labels: Choices of label values that are looked at together; the first one has all of them.

    Returns:
        Size in pixels, ratio of a pixel's height to its width, index of the slice to begin with, range of CT and PET;
        for each slice its number in the file, two PNGs as data URLs, and for each choice of labels outlines: the
        reference's first. Of volumes also projections, and for each choice of labels the lesions.

    Raises:
        InputError: a file is unreadable or has another shape than the reference.
    """
    arrays = read_case(case, reader)
    grid, (depth, height, width) = arrays.grid, arrays.labels[0].shape
    masks = [arrays.masks(foreground) for foreground in labels]
    numbers = shown_slices(np.logical_or.reduce(masks[0]).any(axis=(1, 2)))
    areas = [(int(masks[0][0][number].sum()), sum(int(mask[number].sum()) for mask in masks[0])) for number in numbers]
    views = projections((depth, height, width), grid, masks) if depth > 1 else []
    levels, ranges = [], []
    for read in arrays.readers:
        image = read()
        of_slices, range_ = grey_levels(image[numbers])
        levels.append(of_slices)
        ranges.append(range_)
        for view in views:  # at last of PET, which comes second
            view["image"] = data_url(to_levels(project(image, view["along"], grid), range_))
    return {
        "height": height,
        "width": width,
        "pixel": round(grid.spacing[1] / grid.spacing[2], 4),
        "first": areas.index(max(areas)),
        "ranges": ranges,
        "slices": [
            {
                "number": number,
                "images": [data_url(of_slices[index]) for of_slices in levels],
                "outlines": [[outline(mask[number]) for mask in of_labels] for of_labels in masks],
            }
            for index, number in enumerate(numbers)
        ],
        "numbers": numbers,
        "isHeadLast": grid.is_head_last,
        "projections": views,
        "lesions": [
            [{**lesion, "slice": numbers.index(lesion["number"])} for lesion in lesions(of_labels, grid)]
            for of_labels in (masks if depth > 1 else ())
        ],
    }


def shown_slices(has_foreground: NDArray[np.bool_]) -> list[int]:
    """Numbers of the slices that are shown, by whether each one holds foreground."""
    return np.flatnonzero(has_foreground).tolist() or [len(has_foreground) // 2]


def grey_levels(image: Volume) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Bring values to 0..255, and say which values these two stand for.

    What has 8 bits already is kept. Else the lowest and highest 0.05 % are clipped, so that neither metal nor a full
    bladder takes the levels from all else.
    """
    low, high = float(image.min()), float(image.max())
    if low >= 0 and high <= 255 and bool((image == np.round(image)).all()):
        return image.astype(np.uint8), (0.0, 255.0)
    low, high = (float(value) for value in np.percentile(image, (_CLIPPED_PERCENT, 100 - _CLIPPED_PERCENT)))
    if high - low < _EVEN:
        high = low + 1
    return to_levels(image, (low, high)), (round(low, 3), round(high, 3))


def to_levels(image: Volume, values: tuple[float, float]) -> NDArray[np.uint8]:
    """Bring values to 0..255, those beyond the two that these stand for clipped."""
    low, high = values
    levels: NDArray[np.uint8] = np.round((np.clip(image, low, high) - low) * (255 / (high - low))).astype(np.uint8)
    return levels


def data_url(image: NDArray[np.uint8]) -> str:
    """An image, grey `(H, W)` or in colours `(H, W, 3)`, as a PNG, without loss, in a data URL."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=_COMPRESSION)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
