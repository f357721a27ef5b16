"""Probabilities that nnU-Net saves beside its predictions, and what their channels mean."""

import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError

Probabilities = NDArray[np.float32]
ENDING = ".npz"
_ROUNDING = 0.01  # nnU-Net saves them with 16 bits


@dataclass(frozen=True)
class Classes:
    """Foreground classes of a dataset, and how probabilities and label values tell of them.

    Attributes:
        labels: As dataset.json has them: values by name, a region's being several; "background" and perhaps "ignore".
        regions_class_order: dataset.json's, for regions.
        file_ending: dataset.json's, of label files.
    """

    labels: Mapping[str, Any]
    regions_class_order: tuple[int, ...] | None
    file_ending: str

    @cached_property
    def _manager(self) -> Any:  # noqa: ANN401 - nnU-Net has no type hints
        from nnunetv2.utilities.label_handling.label_handling import LabelManager

        order = None if self.regions_class_order is None else list(self.regions_class_order)
        return LabelManager(dict(self.labels), order)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the foreground classes, in the order of the channels: labels by their value, regions as they stand."""
        names = [name for name in self.labels if name not in ("background", "ignore")]
        return tuple(names if self.has_regions else sorted(names, key=lambda name: int(np.ravel(self.labels[name])[0])))

    @property
    def has_regions(self) -> bool:
        """Whether channels are regions, each with its own probability; else all, with the background, add up to 1."""
        return bool(self._manager.has_regions)

    @property
    def channels(self) -> int:
        """Of probabilities, the background's included where there is one."""
        return len(self.names) + (not self.has_regions)

    @property
    def ignored(self) -> int | None:
        """The value of pixels that are not to be counted."""
        return None if self._manager.ignore_label is None else int(self._manager.ignore_label)

    def foreground(self, probabilities: Probabilities) -> Probabilities:
        """Probability of each foreground class, `(K, ...)`, of probabilities `(channels, ...)`."""
        return probabilities if self.has_regions else probabilities[1:]

    def any_foreground(self, probabilities: Probabilities) -> Probabilities:
        """Probability that a pixel is foreground at all; of overlapping regions it is the most probable one's."""
        highest: Probabilities = probabilities.max(axis=0) if self.has_regions else 1 - probabilities[0]
        return highest

    def probability_of(self, values: Sequence[int], probabilities: Probabilities) -> Probabilities:
        """Probability that a pixel has one of some label values, of probabilities `(channels, ...)`.

        Of labels it is the sum. Of regions it is the most probable one's of those within the values; where none is,
        of those that have some of them.
        """
        wanted = set(values)
        parts = [set(map(int, np.ravel(self.labels[name]))) for name in self.names]
        chosen = [k for k, part in enumerate(parts) if part <= wanted] or [k for k, p in enumerate(parts) if p & wanted]
        of_parts = self.foreground(probabilities)[chosen]
        return np.asarray(of_parts.max(axis=0) if self.has_regions else of_parts.sum(axis=0))

    def segmentation(self, probabilities: Probabilities) -> NDArray[np.integer]:
        """Label values, as nnU-Net chooses them."""
        return np.asarray(self._manager.convert_probabilities_to_segmentation(probabilities))

    def masks(self, segmentation: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask of each foreground class, `(K, ...)`, of label values."""
        return np.stack([np.isin(segmentation, self.labels[name]) for name in self.names])

    def union(self, segmentation: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask of all foreground classes together."""
        return np.asarray(self.masks(segmentation).any(axis=0))


def read_classes(dataset_json: Path) -> Classes:
    """The classes of a dataset.json.

    Raises:
        InputError: it is not there, or is something else.
    """
    try:
        content = json.loads(dataset_json.read_text(encoding="utf-8"))
        order = content.get("regions_class_order")
        classes = Classes(content["labels"], None if order is None else tuple(order), content["file_ending"])
        if not classes.names or not classes.channels:
            raise InputError(f"{dataset_json} has no label but background.")
    except OSError as error:
        raise InputError(f"{dataset_json} cannot be read: {error.strerror}.") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, AssertionError) as error:
        raise InputError(f"{dataset_json} is no dataset.json of nnU-Net v2: look at labels and file_ending.") from error
    return classes


def find_probabilities(folder: Path) -> dict[str, Path]:
    """Files of probabilities in a folder, by case identifier.

    Raises:
        InputError: it is no folder, or has none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    files = {file.stem: file for file in sorted(folder.glob(f"*{ENDING}")) if not file.name.startswith(".")}
    if not files:
        raise InputError(
            f"{folder} has no probabilities ({ENDING}). "
            "Predict with --save_probabilities; for a cross-validation train or validate with --npz."
        )
    return files


def read_probabilities(file: Path, classes: Classes) -> Probabilities:
    """Probabilities of one case, `(channels, D, H, W)`; a slice has D = 1. Those of labels add up to 1.

    Raises:
        InputError: the file is unreadable, or holds something else.
    """
    try:
        with np.load(file) as content:
            values = content["probabilities"].astype(np.float32)
    except KeyError as error:
        raise InputError(f"{file} holds no probabilities: nnU-Net's files have an array of that name.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if values.ndim != 4 or len(values) != classes.channels:
        expected = f"({classes.channels}, D, H, W)"
        raise InputError(
            f"{file} has the shape {values.shape}; with the labels {', '.join(classes.names)} it is {expected}."
        )
    if not (values >= 0).all() or not (values <= 1 + _ROUNDING).all():
        raise InputError(f"{file} has values that are no probabilities: they must be from 0 to 1.")
    if classes.has_regions:
        return values.clip(0, 1)
    total = values.sum(axis=0)
    if not (np.abs(total - 1) < _ROUNDING).all():
        raise InputError(f"{file} has probabilities that do not add up to 1. Was it predicted for these labels?")
    return np.asarray(values / total, dtype=np.float32)


def read_mean(files: Sequence[Path], classes: Classes) -> Probabilities:
    """Mean of the probabilities of several models, as nnU-Net ensembles them.

    Raises:
        InputError: a file is unreadable, holds something else, or has another shape than the first.
    """
    total = read_probabilities(files[0], classes)
    for file in files[1:]:
        more = read_probabilities(file, classes)
        if more.shape != total.shape:
            raise InputError(f"{file} has the shape {more.shape}, {files[0]} has {total.shape}.")
        total = np.add(total, more)
    return np.asarray(total / np.float32(len(files)), dtype=np.float32)


@dataclass(frozen=True)
class Geometry:
    """Where an image lies in the patient's space, axes as SimpleITK has them (x first, LPS).

    Attributes:
        spacing: Distance between pixels in mm.
        origin: Of the first pixel, in mm.
        direction: Cosines, row by row.
    """

    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]


def read_geometry(file: Path) -> Geometry | None:
    """Place of the image whose probabilities a file has, from the .pkl beside it; None for pictures, such as PNG.

    Raises:
        InputError: there is no such .pkl.
    """
    properties_file = file.with_suffix(".pkl")
    try:
        with properties_file.open("rb") as stream:
            properties = pickle.load(stream)
    except (OSError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"{properties_file} cannot be read: nnU-Net writes it beside {file.name}. {error}") from error
    if stored := properties.get("sitk_stuff"):
        return Geometry(*(tuple(map(float, stored[name])) for name in ("spacing", "origin", "direction")))
    if stored := properties.get("nibabel_stuff"):
        return _from_affine(np.asarray(stored.get("reoriented_affine", stored["original_affine"]), dtype=float))
    return None


def _from_affine(affine: NDArray[np.float64]) -> Geometry:
    """Geometry of an affine matrix of nibabel, whose axes point right, anterior, superior."""
    to_lps = np.diag([-1.0, -1.0, 1.0])
    matrix = to_lps @ affine[:3, :3]
    spacing = np.linalg.norm(matrix, axis=0)
    origin = to_lps @ affine[:3, 3]
    return Geometry(tuple(spacing.tolist()), tuple(origin.tolist()), tuple((matrix / spacing).ravel().tolist()))


def validation_folders(model: Path, folds: Sequence[int] | None = None) -> dict[int, Path]:
    """Validation folders of a trained model, by fold.

    Args:
        model: TRAINER__PLANS__CONFIGURATION, in nnUNet_results.
        folds: Those wanted; by default all that have a validation.

    Raises:
        InputError: there is none, or one of those wanted is missing.
    """
    if not model.is_dir():
        raise InputError(f"{model} is not a folder.")
    found = {}
    for folder in sorted(model.glob("fold_*")):
        number = folder.name.removeprefix("fold_")
        if number.isdecimal() and (folder / "validation").is_dir():
            found[int(number)] = folder / "validation"
    wanted = sorted(found) if folds is None else list(dict.fromkeys(folds))
    if missing := [fold for fold in wanted if fold not in found]:
        raise InputError(f"{model} has no validation of the folds {missing}. Train them, or validate with --val --npz.")
    if not wanted:
        raise InputError(f"{model} has no fold_N/validation. Is it a model's folder, TRAINER__PLANS__CONFIGURATION?")
    return {fold: found[fold] for fold in wanted}
