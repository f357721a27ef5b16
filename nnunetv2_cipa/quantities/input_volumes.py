"""PET volumes and masks: read from files, and refused where quantities of them would mean nothing."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa import files
from nnunetv2_cipa.errors import InputError

HIGHEST_SUV = 100
"""What no more than a thousandth of a PET's voxels exceeds, if they are SUV."""

_LABEL_TOLERANCE = 1e-3


def read_volume(file: Path) -> sitk.Image:
    """Read an image file that SimpleITK knows, such as NIfTI, NRRD or MetaImage; a fourth axis of length 1 is left out.

    Raises:
        InputError: it is not there, unreadable or torn.
    """
    if not file.is_file():
        raise InputError(f"{file} does not exist.")
    image = files.read_volume(file)
    return image[:, :, :, 0] if image.GetDimension() == 4 and image.GetSize()[3] == 1 else image


def check_suv(pet: sitk.Image) -> None:
    """Make sure that an image is a volume of uptake in SUV.

    Raises:
        InputError: it is no volume, has values that are no numbers, or such high ones that they are Bq/ml.
    """
    _check_volume(pet, "PET")
    values = sitk.GetArrayViewFromImage(pet)
    if not np.isfinite(values).all():
        raise InputError(
            "The PET has voxels that are no numbers (NaN or infinite). Set them to 0 where it has no data."
        )
    if np.count_nonzero(values > HIGHEST_SUV) > values.size / 1000:
        percentile = float(np.percentile(values, 99.9))
        raise InputError(
            f"The PET is not in SUV: the 99.9th percentile of its voxels is {percentile:g}, above {HIGHEST_SUV}. "
            "If it holds Bq/ml, convert it to SUV first."
        )


def check_mask(mask: sitk.Image) -> sitk.Image:
    """A mask as whole numbers (unsigned, 16 bits), if it is a volume of labels.

    Raises:
        InputError: it is no volume, or has values that are not 0, 1, 2, ... within 0.001.
    """
    _check_volume(mask, "mask")
    values = sitk.GetArrayViewFromImage(mask)
    largest = np.iinfo(np.uint16).max
    if np.issubdtype(values.dtype, np.integer):
        wrong = (values < 0) | (values > largest) if values.dtype != np.uint8 else np.zeros(1, dtype=bool)
    else:
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(values - np.rint(values)) <= _LABEL_TOLERANCE) & (np.rint(values) >= 0))
            wrong |= values > largest
    if wrong.any():
        shown = ", ".join(f"{value!r}" for value in np.unique(values[wrong])[:5].tolist())
        raise InputError(
            f"The mask has values that are no labels: {shown}. It must hold 0, 1, 2, ...; cut probabilities first."
        )
    if np.issubdtype(values.dtype, np.integer):
        return sitk.Cast(mask, sitk.sitkUInt16)
    labels = sitk.GetImageFromArray(np.rint(values).astype(np.uint16))
    labels.CopyInformation(mask)
    return labels


def _check_volume(image: sitk.Image, name: str) -> None:
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"The {name} has {image.GetNumberOfComponentsPerPixel()} values a voxel: it must have one.")
    if image.GetDimension() != 3:
        raise InputError(
            f"The {name} has {image.GetDimension()} dimensions: quantities need volumes, with three. A slice has no ml."
        )
