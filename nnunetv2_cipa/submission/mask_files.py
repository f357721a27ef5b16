"""Mask files of a submission: PNG slices, or NIfTI volumes on the grid of their images."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from numpy.typing import NDArray
from PIL import Image

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_images import read_label_image
from nnunetv2_cipa.files import read_volume_header, write_volume
from nnunetv2_cipa.nnunet.patients import patients_of
from nnunetv2_cipa.processes import for_each

from .predictions import UNUSABLE, Predictions
from .stacks import Stack, stacks_of

PLACED_ENDINGS = (".nii.gz", ".nii", ".mha", ".nrrd")  # files that know where they lie in space


def write_png_masks(folder: Path, predictions: Predictions, value: int) -> None:
    """Write an 8-bit grey `CASE.png` for each slice, `value` in the foreground and 0 elsewhere.

    Raises:
        InputError: predictions are volumes, unreadable or no labels. The message names all of them.
    """

    def write(case: str) -> None:
        Image.fromarray(_values(predictions.read_slice(case), value)).save(folder / f"{case}.png")

    for_each(write, predictions.files, description="png", failure=UNUSABLE)


def write_nifti_masks(
    folder: Path,
    predictions: Predictions,
    value: int,
    *,
    patients: Mapping[str, str] | None = None,
    images: Path | None = None,
) -> None:
    """Write volumes as `CASE.nii.gz`, with their place in space; slices without one, stacked, as `PATIENT.nii.gz`.

    Slices lie along z at their numbers, a row of the picture along x; those that are missing between others are empty.
    A stack gets the place of the patient's image, without `images` one of 1 mm pixels at the origin.

    Args:
        folder: Where to write to.
        predictions: What was predicted.
        value: That of the foreground; it is 0 elsewhere.
        patients: Patient of each slice; by default read from their names.
        images: Folder of `PATIENT.nii.gz`, or of another ending in `PLACED_ENDINGS`, or `PATIENT_0000` and so on.

    Raises:
        InputError: predictions are unreadable or no labels, slices cannot be stacked, a stack does not fit its image,
            or `patients` or `images` lacks some. The message names all of them.
    """
    if is_placed(predictions):
        if images is not None or patients is not None:
            ending = predictions.label_format.ending
            raise InputError(f"{ending} predictions have their place and no stacks: leave out --like and --patients.")
        place = partial(_write_placed, folder, predictions, value)
        for_each(place, predictions.files, description="nifti", failure=UNUSABLE)
        return
    given = patients_of(predictions.files) if patients is None else patients
    if homeless := [case for case in predictions.files if case not in given]:
        raise InputError("\n".join([f"{len(homeless)} slices are in no list of patients:", *homeless]))
    stacks = stacks_of({case: given[case] for case in predictions.files})
    write = partial(_write_stack, folder, predictions, value, images)
    for_each(write, stacks, description="nifti", failure="patients cannot be stacked")


def is_placed(predictions: Predictions) -> bool:
    """Whether the files of predictions know their place in space."""
    return predictions.label_format.ending in PLACED_ENDINGS


def _write_placed(folder: Path, predictions: Predictions, value: int, case: str) -> None:
    labels = predictions.label_format.labels
    labelled = read_label_image(predictions.files[case], SimpleITKIO, labels.allowed)  # another reader may turn it
    mask = sitk.GetImageFromArray(_values(np.isin(labelled.values, labels.foreground), value))
    _write(mask, read_volume_header(predictions.files[case]), folder / f"{case}.nii.gz")


def _write_stack(folder: Path, predictions: Predictions, value: int, images: Path | None, slices: Stack) -> None:
    patient = slices.patient
    masks = {number: predictions.read_slice(case) for number, case in slices.cases.items()}
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) > 1:
        raise InputError(f"{patient} has slices of several sizes: {', '.join(map(str, sorted(shapes)))}.")
    empty = np.zeros(shapes.pop(), dtype=bool)
    volume = sitk.GetImageFromArray(_values(np.stack([masks.get(number, empty) for number in slices.numbers]), value))
    source: sitk.ImageFileReader | None = None
    if images is not None:
        file = _image_of(patient, images)
        source = read_volume_header(file)
        if source.GetSize() != volume.GetSize():
            sizes = ["x".join(map(str, size)) for size in (volume.GetSize(), source.GetSize())]
            raise InputError(f"{patient} has predictions of {sizes[0]} pixels (x, y, z), but {file} has {sizes[1]}.")
    _write(volume, source, folder / f"{patient}.nii.gz")


def _write(mask: sitk.Image, grid: sitk.ImageFileReader | None, file: Path) -> None:
    if grid is not None:
        mask.SetSpacing(grid.GetSpacing())
        mask.SetOrigin(grid.GetOrigin())
        mask.SetDirection(grid.GetDirection())
    write_volume(mask, file)


def _image_of(patient: str, images: Path) -> Path:
    names = [f"{patient}{channel}{ending}" for channel in ("", "_0000") for ending in PLACED_ENDINGS]
    for name in names:
        if (images / name).is_file():
            return images / name
    raise InputError(f"{images} has no image of {patient}. It could be named {', '.join(names)}.")


def _values(mask: NDArray[np.bool_], value: int) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * np.uint8(value)
