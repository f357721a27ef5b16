"""Maximum projections of PET, with the outlines of masks, and the lesions that one can jump to."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nnunetv2_cipa.evaluation.overlap import Mask
from nnunetv2_cipa.quantities.masks import components

from .case_arrays import Grid
from .outlines import outline

_DIRECTIONS = (("Coronal", 1, 2), ("Sagittal", 2, 1))  # name, axis that is looked along, axis of the columns
_DIGITS = 4


def project(volume: NDArray[Any], along: int, grid: Grid) -> NDArray[Any]:
    """The largest value along an axis of `(D, H, W)`, with the patient's head up."""
    projected = volume.max(axis=along)
    return np.flip(projected, 0) if grid.is_head_last else projected


def projections(shape: Sequence[int], grid: Grid, masks: Sequence[Sequence[Mask]]) -> list[dict[str, Any]]:
    """Describe the coronal and the sagittal view, without their images.

    Args:
        shape: `(D, H, W)`.
        grid: Of the masks.
        masks: For each choice of labels the masks of the reference and of each model.

    Returns:
        For each view its title, the axis it is looked along, width and height in pixels, ratio of a pixel's height to
        its width, and outlines as the slices have them.
    """
    return [
        {
            "title": title,
            "along": along,
            "width": shape[across],
            "height": shape[0],
            "pixel": round(grid.spacing[0] / grid.spacing[across], _DIGITS),
            "outlines": [[outline(project(mask, along, grid)) for mask in of_labels] for of_labels in masks],
        }
        for title, along, across in _DIRECTIONS
    ]


def lesions(masks: Sequence[Mask], grid: Grid) -> list[dict[str, Any]]:
    """List the components of the reference, the largest first, then those of each model that touch no reference.

    Args:
        masks: Of the reference, and of each model, `(D, H, W)`.
        grid: Of the masks.

    Returns:
        For each lesion its size in ml, or in pixels where the grid has no size, the slice with its largest area and its
        centre there (x, y), and "found": for one of the reference by model whether it is touched, else the number of
        the model that has made it up.
    """
    reference, *predictions = masks
    voxel = math.prod(grid.spacing) / 1000 if grid.has_size else 1.0
    found = _components(reference, predictions, voxel)
    for model, prediction in enumerate(predictions):
        false = [lesion for lesion in _components(prediction, [reference], voxel) if not lesion["found"][0]]
        found += [{**lesion, "found": model} for lesion in false]
    return found


def _components(mask: Mask, others: Sequence[Mask], voxel: float) -> list[dict[str, Any]]:
    """Components, the largest first."""
    labelled, _ = components(mask)
    listed = []
    for number, part in enumerate(ndimage.find_objects(labelled), start=1):
        component = labelled[part] == number
        areas = component.sum(axis=(1, 2))
        middle = int(areas.argmax())
        rows, columns = np.nonzero(component[middle])
        start = [along.start for along in part]
        listed.append(
            {
                "size": float(f"{areas.sum() * voxel:.{_DIGITS}g}"),
                "number": start[0] + middle,
                "x": round(float(columns.mean()) + start[2] + 0.5, 1),
                "y": round(float(rows.mean()) + start[1] + 0.5, 1),
                "found": [bool((other[part] & component).any()) for other in others],
            }
        )
    return sorted(listed, key=lambda lesion: -lesion["size"])
