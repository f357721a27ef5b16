"""A case on one grid to the labels of a model: nnU-Net's own reading, preprocessing, sliding window and resampling."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
import torch

from nnunetv2_cipa.files import write_volume
from nnunetv2_cipa.petct.volumes import OnOneGrid

from .effort import Effort, choose_effort, efforts, seconds_a_pass
from .model import Model


@dataclass(frozen=True)
class Prediction:
    """What a model says.

    Attributes:
        label: class numbers on the grid of the case, uint8.
        effort: what was computed.
        expected: seconds that the network was expected to take; None without a time limit.
    """

    label: sitk.Image
    effort: Effort
    expected: float | None


def predict(model: Model, case: OnOneGrid, seconds_left: float | None = None) -> Prediction:
    """Predict a case.

    Args:
        model: that has been loaded.
        case: CT in HU and PET in SUV.
        seconds_left: for preprocessing, network and resampling; without it all folds are used, with nnU-Net's
            defaults.

    Raises:
        InputError: the network cannot be that fast.
    """
    from nnunetv2.inference.data_iterators import PreprocessAdapterFromNpy
    from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape

    started = time.perf_counter()
    predictor = model.predictor
    with tempfile.TemporaryDirectory() as folder:
        images, properties = _read(model, case, Path(folder))
        adapter = PreprocessAdapterFromNpy(
            [images], [None], [properties], [None], predictor.plans_manager, predictor.dataset_json,
            predictor.configuration_manager, num_threads_in_multithreaded=1, verbose=False,
        )  # fmt: skip
        preprocessed = next(adapter)
        data = torch.as_tensor(preprocessed["data"])
        preprocessing = time.perf_counter() - started
        left = None if seconds_left is None else seconds_left - 2 * preprocessing  # as much again afterwards
        effort, expected = _effort(model, data, left)
        logits = _logits(predictor, data, effort)
        labels = convert_predicted_logits_to_segmentation_with_correct_shape(
            logits,
            predictor.plans_manager,
            predictor.configuration_manager,
            predictor.label_manager,
            preprocessed["data_properties"],
        )
        return Prediction(
            _written_and_read(model, np.asarray(labels), properties, case, Path(folder)), effort, expected
        )


def _read(model: Model, case: OnOneGrid, folder: Path) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """The images as the reader that the model was trained with sees them, in the order of its channels."""
    paths = {}
    for channel, image in zip(model.channels, (case.ct, case.pet), strict=True):
        paths[channel] = folder / f"case_{channel:04d}{model.file_ending}"
        write_volume(image, paths[channel])
    reader = model.predictor.plans_manager.image_reader_writer_class()
    images, properties = reader.read_images([str(paths[channel]) for channel in sorted(paths)])
    return images, properties


def _effort(model: Model, data: torch.Tensor, left: float | None) -> tuple[Effort, float | None]:
    """What is to be computed within the seconds that are left."""
    predictor = model.predictor
    mirrored = bool(predictor.allowed_mirroring_axes)
    folds = len(predictor.list_of_parameters)
    possible = efforts(folds, mirrored)
    if left is None:
        return possible[0], None
    started = time.perf_counter()
    patch = torch.zeros(1, data.shape[0], *predictor.configuration_manager.patch_size)
    seconds = seconds_a_pass(predictor.network, patch, predictor.device)
    tiles = {effort.step_size: _tiles(predictor, data, effort.step_size) for effort in possible}
    passes = 2 ** len(predictor.allowed_mirroring_axes or ())

    def seconds_of(effort: Effort) -> float:
        return effort.folds * tiles[effort.step_size] * (passes if effort.mirrored else 1) * seconds

    return choose_effort(possible, seconds_of, left - (time.perf_counter() - started))


def _tiles(predictor: Any, data: torch.Tensor, step_size: float) -> int:  # noqa: ANN401 - nnU-Net has no types
    """Number of patches of the sliding window."""
    from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

    patch = tuple(predictor.configuration_manager.patch_size)
    size = tuple(data.shape[1:])
    slices = size[0] if len(patch) < len(size) else 1
    padded = tuple(max(length, side) for length, side in zip(size[-len(patch) :], patch, strict=True))
    return slices * int(np.prod([len(steps) for steps in compute_steps_for_sliding_window(padded, patch, step_size)]))


def _logits(predictor: Any, data: torch.Tensor, effort: Effort) -> torch.Tensor:  # noqa: ANN401 - nnU-Net has no types
    """Logits of the first folds; the predictor is left as it was."""
    parameters = predictor.list_of_parameters
    try:
        predictor.list_of_parameters = parameters[: effort.folds]
        predictor.use_mirroring, predictor.tile_step_size = effort.mirrored, effort.step_size
        logits: torch.Tensor = predictor.predict_logits_from_preprocessed_data(data).cpu()
        return logits
    finally:
        predictor.list_of_parameters = parameters


def _written_and_read(
    model: Model, labels: np.ndarray[Any, Any], properties: dict[str, Any], case: OnOneGrid, folder: Path
) -> sitk.Image:
    """Labels as an image on the grid of the case, by way of the model's own writer, which may have turned the axes."""
    path = folder / f"label{model.file_ending}"
    model.predictor.plans_manager.image_reader_writer_class().write_seg(labels, str(path), properties)
    label = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkUInt8)
    return sitk.Resample(label, case.ct, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
