"""One synthetic patient: CT, PET and tumours of a few slices of a thorax."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.phantom.anatomy import healthy_body
from nnunetv2_cipa.phantom.grid import Grid, Mask, Point, Volume
from nnunetv2_cipa.phantom.scanner import ct_image, pet_image
from nnunetv2_cipa.phantom.tumours import add_mimics, add_tumours

MIN_SIZE = 32


@dataclass(frozen=True)
class Patient:
    """Images of shape (slices, H, W), as a scanner would show them.

    Attributes:
        ct: CT numbers in HU.
        pet: Uptake in SUV, on the grid of the CT.
        tumour: Where there is tumour.
        spacing: Millimetres between slices, rows and columns.
    """

    ct: Volume
    pet: Volume
    tumour: Mask
    spacing: Point


def make_patient(slices: int = 12, size: tuple[int, int] = (128, 128), seed: int | Sequence[int] = 0) -> Patient:
    """Make a patient with at least one tumour; the same arguments make the same patient.

    Args:
        slices: Number of slices, 5 mm apart, or closer where the thorax would not hold as many.
        size: Height and width of a slice in pixels, at least 32; the shorter side shows 400 mm.
        seed: Of everything that chance decides.

    Raises:
        InputError: `slices` or `size` is too small.
    """
    if slices < 1:
        raise InputError(f"A patient of {slices} slices cannot be made: ask for at least one.")
    if min(size) < MIN_SIZE:
        raise InputError(f"Slices of {size[0]}x{size[1]} pixels are too small: ask for at least {MIN_SIZE}x{MIN_SIZE}.")
    random = np.random.default_rng(seed)
    grid = Grid.drawn(random, slices, size)
    body = healthy_body(random, grid)
    add_mimics(random, grid, body)
    tumour = add_tumours(random, grid, body)
    ct, pet = ct_image(random, body.hu, grid.spacing), pet_image(random, body.suv, grid.spacing)
    return Patient(ct, pet, tumour, grid.spacing)
