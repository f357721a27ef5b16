"""Entropy maps, as images that lie on the prediction."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from PIL import Image

from nnunetv2_cipa.files import write_volume
from nnunetv2_cipa.nnunet.probabilities import Geometry


def write_map(folder: Path, case: str, values: NDArray[np.float32], geometry: Geometry | None, highest: float) -> Path:
    """Write a map: NIfTI with its values where the image has a place in space, else PNG, 0 to 255 for 0 to the highest.

    Args:
        folder: Where to.
        case: Its identifier, which the file is named by.
        values: `(D, H, W)`; a slice has D = 1.
        geometry: The image's.
        highest: The highest value that there can be.

    Returns:
        The file.
    """
    if geometry is None and len(values) == 1:
        file = folder / f"{case}.png"
        Image.fromarray(np.rint(255 * values[0] / highest).clip(0, 255).astype(np.uint8)).save(file)
        return file
    file = folder / f"{case}.nii.gz"
    flat = geometry is not None and len(geometry.spacing) == 2
    image = sitk.GetImageFromArray(values[0] if flat else values)
    if geometry is not None:
        image.SetSpacing(geometry.spacing)
        image.SetOrigin(geometry.origin)
        image.SetDirection(geometry.direction)
    write_volume(image, file)
    return file
