"""Label files, read with nnU-Net's own readers, and turned into the masks that are compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nifti_values import check_values

from .overlap import Mask

_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Labels:
    """Which label values mean what.

    Attributes:
        foreground: Those that together are the foreground.
        allowed: All that may occur, the foreground's among them.
        ignored: The value of pixels that are not to be counted, as nnU-Net's ignore label; only references have it.
        parts: Names and values of the labels or regions that are evaluated by themselves too, where there are several.
    """

    foreground: tuple[int, ...] = (1,)
    allowed: frozenset[int] = frozenset({0, 1})
    ignored: int | None = None
    parts: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class LabelImage:
    """A label file.

    Attributes:
        values: `(H, W)` or `(D, H, W)`.
        spacing: Distance between pixels in mm along the same axes, None where the file has none.
        placement: Origin and direction cosines in the patient's space, empty where the file has none.
    """

    values: NDArray[np.float32]
    spacing: tuple[float, ...] | None
    placement: tuple[float, ...]


@dataclass(frozen=True)
class MaskPair:
    """Foreground of a reference and of its prediction, on one grid.

    Attributes:
        reference: `(H, W)` or `(D, H, W)`.
        prediction: The same shape.
        counted: Pixels that count; None if all do. Neither mask has any other pixel.
        spacing: Distance between pixels in mm, None where the files have none.
        parts: The same of each label or region that is evaluated by itself.
    """

    reference: Mask
    prediction: Mask
    counted: Mask | None
    spacing: tuple[float, ...] | None
    parts: Mapping[str, "MaskPair"] = field(default_factory=dict)


def read_pair(reference_file: Path, prediction_file: Path, reader: type[Any], labels: Labels) -> MaskPair:
    """Read a label file and its prediction with one of nnU-Net's readers, and check that they fit each other.

    Raises:
        InputError: a file is unreadable or has values that are not allowed, or the two are on different grids. The
            message has a line for each fault.
    """
    also_ignored = labels.allowed if labels.ignored is None else labels.allowed | {labels.ignored}
    faults: list[str] = []
    images: list[LabelImage] = []
    for file, allowed in ((reference_file, also_ignored), (prediction_file, labels.allowed)):
        try:
            images.append(read_label_image(file, reader, allowed))
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("\n".join(faults))
    if difference := _difference(*images):
        raise InputError(f"{prediction_file} does not fit {reference_file}: {difference}")
    reference, prediction = images
    counted = None if labels.ignored is None else reference.values != labels.ignored

    def masks(values: tuple[int, ...], parts: Mapping[str, MaskPair]) -> MaskPair:
        true, found = np.isin(reference.values, values), np.isin(prediction.values, values)
        return MaskPair(true, found if counted is None else found & counted, counted, reference.spacing, parts)

    return masks(labels.foreground, {name: masks(values, {}) for name, values in labels.parts})


def read_label_image(file: Path, reader: type[Any], allowed: frozenset[int]) -> LabelImage:
    """Read a label file with one of nnU-Net's readers.

    Raises:
        InputError: it is unreadable, torn, or has values that are not allowed.
    """
    values, properties = read_channel(file, lambda: reader().read_seg(str(file)))
    values = as_labels(values)
    if not np.isin(values, list(allowed)).all():
        wrong = np.setdiff1d(values, list(allowed))
        shown = ", ".join(np.format_float_positional(value, trim="-") for value in wrong[:5]) + ", ..." * (
            len(wrong) > 5
        )
        raise InputError(f"{file} has values that are no labels: {shown} (labels: {_listed(allowed)})")
    return _label_image(values, properties)


def as_labels(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values with those that are as good as whole numbers, such as 0.9999999 after resampling, made such."""
    whole = np.rint(values)
    return np.where(np.abs(values - whole) <= _TOLERANCE, whole, values)


def read_channel(
    file: Path, read: Callable[[], tuple[NDArray[np.float32], dict[str, Any]]]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Read a file of one channel, `(D, H, W)`, and what nnU-Net's reader says of it.

    Args:
        file: What `read` reads.
        read: A method of one of nnU-Net's readers, its arguments included.

    Raises:
        InputError: it is unreadable or torn, has values that are NaN, or another number of channels.
    """
    check_values(file)
    try:
        values, properties = read()
    except Exception as error:  # each reader raises what its libraries do
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise InputError(f"{file} cannot be read: {reason}") from error
    if len(values) != 1:
        raise InputError(f"{file} has {len(values)} channels: one is expected in each file.")
    return values[0], properties


def _label_image(values: NDArray[np.float32], properties: dict[str, Any]) -> LabelImage:
    """Undo what nnU-Net's readers add to slices: a first axis, and a spacing along it."""
    spacing = tuple(float(length) for length in properties["spacing"])
    if "sitk_stuff" in properties:
        stored = properties["sitk_stuff"]
        placement = (*stored["origin"], *stored["direction"])
        if len(stored["spacing"]) == 2:
            return LabelImage(values[0], spacing[1:], placement)
        return LabelImage(values, spacing, placement)
    if "nibabel_stuff" in properties:
        stored = properties["nibabel_stuff"]
        affine = stored.get("reoriented_affine", stored["original_affine"])
        return LabelImage(values, spacing, tuple(np.ravel(affine).tolist()))
    return LabelImage(values[0] if len(values) == 1 else values, None, ())  # pictures: nnU-Net made their spacing up


def _difference(reference: LabelImage, prediction: LabelImage) -> str:
    """What makes two grids different, nothing if they are the same."""
    if prediction.values.shape != reference.values.shape:
        return f"it has {_size(prediction)} pixels, not {_size(reference)}"
    if not np.allclose(prediction.spacing or (), reference.spacing or (), rtol=1e-3):
        return f"its spacing is {prediction.spacing} mm, not {reference.spacing} mm"
    if not np.allclose(prediction.placement, reference.placement, rtol=1e-4, atol=1e-2):
        return "it lies elsewhere in space (origin or direction)"
    return ""


def _size(image: LabelImage) -> str:
    return "x".join(map(str, image.values.shape))


def _listed(labels: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(labels)))
