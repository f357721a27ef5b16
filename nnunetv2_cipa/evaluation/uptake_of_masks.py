"""What PET says of a reference and of its prediction, where its values are SUV."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.quantities import quantify
from nnunetv2_cipa.quantities.input_volumes import check_mask, read_volume
from nnunetv2_cipa.quantities.pet_pairs import ENDINGS


@dataclass(frozen=True)
class UptakeOfMask:
    """PET quantities of all lesions of a mask, as `quantities.quantify` defines them; SUV are NaN without a lesion.

    Attributes:
        lesions: Their number.
        suv_max: Highest SUV.
        suv_mean: Mean SUV of all voxels.
        suv_peak: Highest mean SUV of a sphere of 1 cm3.
        mtv: Metabolic tumour volume in ml, on the PET's own voxels.
        tlg: Total lesion glycolysis in g.
        dmax: Largest distance of two lesions in mm.
    """

    lesions: int
    suv_max: float
    suv_mean: float
    suv_peak: float
    mtv: float
    tlg: float
    dmax: float


@dataclass(frozen=True)
class Uptake:
    """Of the reference, and of the prediction."""

    reference: UptakeOfMask
    prediction: UptakeOfMask


def find_pets(reference: Path) -> Path | None:
    """Find the folder of PET volumes in SUV that a conversion leaves beside a folder of label files."""
    folder = reference.resolve()
    pets = folder.with_name(folder.name.replace("labels", "pet", 1))
    return pets if pets != folder and pets.is_dir() else None


def find_pets_of(cases: Sequence[str], folder: Path) -> dict[str, Path]:
    """Find the PET of each case: CASE.nii.gz, or another ending.

    Raises:
        InputError: there is no such folder, or cases have no PET there; all are named.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    candidates = {case: [folder / f"{case}{ending}" for ending in ENDINGS] for case in cases}
    found = {case: file for case, files in candidates.items() for file in files[::-1] if file.is_file()}
    missing = [f"    {case}" for case in cases if case not in found]
    if missing:
        raise InputError("\n".join([f"{folder} has no PET volume of {len(missing)} cases:", *missing]))
    return found


def measure_uptake(pet: Path, reference: Path, prediction: Path, foreground: Sequence[int]) -> Uptake:
    """Measure both masks on a PET.

    Args:
        pet: A volume in SUV, on its own grid.
        reference: Label file.
        prediction: Label file.
        foreground: Label values that together are the foreground.

    Raises:
        InputError: a file is unreadable, the PET is no volume in SUV, or a mask lies outside of it.
    """
    image = read_volume(pet)
    try:
        return Uptake(*(_of_mask(image, _mask(file, foreground)) for file in (reference, prediction)))
    except InputError as error:
        raise InputError(f"{pet} does not fit {prediction}: {error}") from error


def pool_uptake(cases: Sequence[Uptake]) -> Uptake | None:
    """Of several cases as one; None where there are none."""
    if not cases:
        return None
    return Uptake(_pooled([case.reference for case in cases]), _pooled([case.prediction for case in cases]))


def _mask(file: Path, foreground: Sequence[int]) -> sitk.Image:
    labels = check_mask(read_volume(file))
    mask = sitk.GetImageFromArray(np.isin(sitk.GetArrayViewFromImage(labels), foreground).astype(np.uint8))
    mask.CopyInformation(labels)
    return mask


def _of_mask(pet: sitk.Image, mask: sitk.Image) -> UptakeOfMask:
    total = quantify(pet, mask)["total"]
    highest, average, peak = (
        math.nan if value is None else value for value in (total["SUVmax"], total["SUVmean"], total["SUVpeak"])
    )
    return UptakeOfMask(total["lesions"], highest, average, peak, total["MTV_ml"], total["TLG"], total["Dmax_mm"])


def _pooled(masks: Sequence[UptakeOfMask]) -> UptakeOfMask:
    def highest(value: Callable[[UptakeOfMask], float]) -> float:
        return max((value(mask) for mask in masks if not math.isnan(value(mask))), default=math.nan)

    volume, glycolysis = (math.fsum(values) for values in zip(*((mask.mtv, mask.tlg) for mask in masks), strict=True))
    return UptakeOfMask(
        lesions=sum(mask.lesions for mask in masks),
        suv_max=highest(lambda mask: mask.suv_max),
        suv_mean=glycolysis / volume if volume else math.nan,
        suv_peak=highest(lambda mask: mask.suv_peak),
        mtv=volume,
        tlg=glycolysis,
        dmax=max(mask.dmax for mask in masks),
    )
