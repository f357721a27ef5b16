"""NIfTI volumes: read whole or by their header, and the checks that their values are what they are called."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import read_volume_header
from nnunetv2_cipa.nifti_values import check_values

from .grids import same_grid

HIGHEST_SUV = 100.0
"""99.9th percentile above which a volume is no SUV but Bq/ml."""


def read_nifti(path: Path) -> sitk.Image:
    """A volume of three dimensions.

    Raises:
        InputError: it cannot be read, is torn or has other dimensions.
    """
    check_values(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: {str(error).strip().splitlines()[-1]}") from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{path} has the size {image.GetSize()}: one volume of three dimensions is needed.")
    return image


def read_grid(path: Path) -> sitk.Image:
    """The grid of a NIfTI file, as an image of zeros, from its header alone.

    Raises:
        InputError: it cannot be read or has other dimensions.
    """
    reader = read_volume_header(path)
    size = reader.GetSize()
    if len(size) not in (3, 4) or any(length != 1 for length in size[3:]):
        raise InputError(f"{path} has the size {size}: one volume of three dimensions is needed.")
    direction = np.array(reader.GetDirection()).reshape(len(size), len(size))[:3, :3]
    grid = sitk.Image([int(length) for length in size[:3]], sitk.sitkUInt8)
    grid.SetOrigin(reader.GetOrigin()[:3])
    grid.SetSpacing(reader.GetSpacing()[:3])
    grid.SetDirection(direction.ravel().tolist())
    return grid


def checked_ct(image: sitk.Image, path: Path) -> sitk.Image:
    """CT in HU, -1024 at least.

    Raises:
        InputError: values that are no numbers, or no HU: none below 0.
    """
    lowest, _ = _range(image, path)
    if lowest >= 0:
        raise InputError(f"{path} has no value below 0 (air has -1000 HU): it is not in HU. Give the CT in HU.")
    return sitk.Maximum(image, -1024) if lowest < -1024 else image


def checked_suv(image: sitk.Image, path: Path) -> sitk.Image:
    """PET in SUV, float32.

    Raises:
        InputError: values that are no numbers or no SUV: 99.9 % of them must be at most 100, and some above 0.
    """
    _, highest = _range(image, path)
    if highest <= 0:
        raise InputError(f"{path} is 0 everywhere: it is not a PET in SUV.")
    high = float(np.percentile(sitk.GetArrayViewFromImage(image), 99.9))
    if high > HIGHEST_SUV:
        raise InputError(
            f"{path}: 0.1 % of its values are above {high:.0f}, which is no SUV (Bq/ml, as it seems). Give "
            "the PET in SUV."
        )
    return sitk.Cast(image, sitk.sitkFloat32)


def check_label_grid(label: sitk.Image, path: Path, ct: sitk.Image, pet: sitk.Image) -> None:
    """Refuse a label that was drawn on other voxels than those of its study.

    Raises:
        InputError: it has neither the CT's grid nor the PET's.
    """
    if not same_grid(label, ct) and not same_grid(label, pet):
        raise InputError(
            f"{path} is on neither the CT's grid nor the PET's: size {label.GetSize()}, spacing "
            f"{tuple(round(step, 3) for step in label.GetSpacing())}. Resample it to one of them."
        )


def _range(image: sitk.Image, path: Path) -> tuple[float, float]:
    values = sitk.GetArrayViewFromImage(image)
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite([lowest, highest]).all():
        raise InputError(f"{path} has values that are no finite numbers. Replace them.")
    return lowest, highest
