"""Synthetic patients as PET-CT studies: CT and PET on grids of their own, as NIfTI or DICOM."""

from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from tqdm import tqdm

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_folder, write_volume
from nnunetv2_cipa.petct.grids import resampled, target_grid
from nnunetv2_cipa.petct.segmentation_files import BY_HAND, write_segmentation
from nnunetv2_cipa.phantom.patient import Patient, make_patient

from .dicom_files import HIGHEST, Identity, write_ct, write_pet
from .suv_storage import Storage

Format = Literal["nifti", "dicom"]

PET_SPACING = (4.0, 4.0, 4.0)
"""Millimetres."""

_LEAST_SLICES = 10


def make_studies(
    folder: Path,
    format: Format,
    patients: int = 20,
    slices_per_patient: int = 12,
    size: tuple[int, int] = (128, 128),
    seed: int = 0,
    storage: Storage = "siemens",
    *,
    overwrite: bool = False,
) -> None:
    """Write a study of each patient: the same patients that the other formats have.

    NIfTI: `<patient>/CT.nii.gz` (HU), `SUV.nii.gz` and `label.nii.gz`. DICOM: `<patient>/CT`, `<patient>/PET` and
    `<patient>/SEG.dcm`, and `truth/<patient>_SUV.nii.gz`, the SUV that is to come out. A fifth of the patients, at
    least one, is listed in test.txt.

    Args:
        folder: must not exist, but with `overwrite`.
        format: of the files.
        patients: at least two.
        slices_per_patient: at least 10.
        size: height and width in pixels; see `make_patient`.
        seed: from 0 on; the same seed makes the same volumes.
        storage: how the DICOM PET stores uptake.
        overwrite: replace an existing folder, once the new one is complete.

    Raises:
        InputError: an argument is out of range, or the folder exists, or pydicom is missing.
    """
    if patients < 2:
        raise InputError(f"{patients} patients cannot be split into training and test set: ask for two or more.")
    if slices_per_patient < _LEAST_SLICES:
        raise InputError(f"{slices_per_patient} slices are no volume: ask for at least {_LEAST_SLICES}.")
    if seed < 0:
        raise InputError(f"Seed {seed} is negative: choose one from 0 on.")
    num_test = max(round(patients / 5), 1)
    with new_folder(folder, overwrite=overwrite) as new:
        for number in tqdm(range(1, patients + 1), desc="synthetic patients"):
            name = f"{number:04d}"
            ct, pet, label = volumes(make_patient(slices_per_patient, size, seed=(seed, number)))
            if format == "nifti":
                _write_nifti(new / name, ct, pet, label)
            else:
                _write_dicom(new, name, (ct, pet, label), Identity(name, f"phantom {seed} {number} {storage}"), storage)
        test = range(patients - num_test + 1, patients + 1)
        (new / "test.txt").write_text("".join(f"{number:04d}\n" for number in test), encoding="utf-8")


def volumes(patient: Patient) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """CT in HU (int16), PET in SUV on voxels of 4 mm (float32) and label on the CT's grid (uint8), in LPS."""
    ct = _image(np.rint(patient.ct).astype(np.int16), patient)
    fine = _image(patient.pet.astype(np.float32), patient)
    pet = resampled(fine, target_grid(fine, fine, PET_SPACING), 0.0)
    return ct, _storable(pet), _image(patient.tumour.astype(np.uint8), patient)


def _storable(pet: sitk.Image) -> sitk.Image:
    """The PET in steps of 1/32767 of each slice's maximum, as DICOM stores it: every form has the same values."""
    values = sitk.GetArrayFromImage(pet).clip(0).astype(float)
    steps = np.maximum(values.max(axis=(1, 2), keepdims=True), 1e-6) / HIGHEST
    stepped = sitk.GetImageFromArray((np.rint(values / steps) * steps).astype(np.float32))
    stepped.CopyInformation(pet)
    return stepped


def _image(values: NDArray[np.generic], patient: Patient) -> sitk.Image:
    """The phantom's slices run from head to feet, DICOM's coordinates from feet to head."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values[::-1]))
    depth, height, width = values.shape
    step, row, column = patient.spacing
    image.SetSpacing((float(column), float(row), float(step)))
    image.SetOrigin((-(width - 1) / 2 * column, -(height - 1) / 2 * row, -(depth - 1) * step))
    return image


def _write_nifti(folder: Path, ct: sitk.Image, pet: sitk.Image, label: sitk.Image) -> None:
    folder.mkdir()
    for name, image in (("CT", ct), ("SUV", pet), ("label", label)):
        write_volume(image, folder / f"{name}.nii.gz")


def _write_dicom(
    folder: Path, name: str, images: tuple[sitk.Image, sitk.Image, sitk.Image], identity: Identity, storage: Storage
) -> None:
    ct, pet, label = images
    slices = write_ct(folder / name / "CT", ct, identity)
    write_pet(folder / name / "PET", pet, identity, storage)
    write_segmentation(folder / name / "SEG.dcm", label, slices, ["tumor"], BY_HAND)
    (folder / "truth").mkdir(exist_ok=True)
    write_volume(pet, folder / "truth" / f"{name}_SUV.nii.gz")
