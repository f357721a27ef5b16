"""What clinicians read from a PET: uptake, volume and glycolysis of each lesion, and of the patient."""

import math
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import pdist

from .input_volumes import check_suv
from .mask_resampling import on_grid_of
from .masks import components
from .suv_peak import suv_peak

MM3_PER_ML = 1000


class LesionQuantities(TypedDict):
    """Of one lesion: SUV in g/ml, volume in ml, TLG in g, centroid in the patient's coordinates (LPS, mm)."""

    SUVmax: float
    SUVmean: float
    SUVpeak: float
    MTV_ml: float
    TLG: float
    centroid_mm: list[float]


class TotalQuantities(TypedDict):
    """Of all lesions together; without any, volumes and distances are 0 and SUV are None."""

    lesions: int
    SUVmax: float | None
    SUVmean: float | None
    SUVpeak: float | None
    MTV_ml: float
    TLG: float
    Dmax_mm: float


class Quantities(TypedDict):
    """Of one PET, its lesions from the largest to the smallest."""

    unit: str
    lesions: list[LesionQuantities]
    total: TotalQuantities


def quantify(pet: sitk.Image, mask: sitk.Image) -> Quantities:
    """Read uptake, volume and glycolysis of the lesions in a mask.

    Everything is measured on the PET's own voxels, since interpolated uptake has lower peaks; the mask is resampled to
    them (nearest voxel). Lesions are its connected components (18 neighbours).

    - SUVmax, SUVmean: of the lesion's voxels.
    - SUVpeak: highest mean of a 1 cm3 sphere around any voxel of the lesion (`suv_peak`); in total the highest of all.
    - MTV: volume of the lesion's voxels. TLG: SUVmean times MTV (Larson et al. 1999), in total their sum.
    - centroid: mean position of the lesion's voxels. Dmax: largest distance between two centroids (Cottereau et al.
      2020), 0 for less than two lesions.

    Args:
        pet: A volume in SUV.
        mask: A volume in the same space, on any grid; all that is not 0 is lesion.

    Raises:
        InputError: either is no volume, the PET is not in SUV, the mask has values that are no labels, or it lies
            outside of the PET.
    """
    check_suv(pet)
    suv = sitk.GetArrayViewFromImage(pet)
    labels = on_grid_of(pet, mask)  # has a name, as a view of it does not keep it alive
    numbers, number = components(sitk.GetArrayViewFromImage(labels) != 0)
    boxes: Sequence[tuple[slice, ...]] = ndimage.find_objects(numbers)
    lesions = [_of_lesion(pet, suv, numbers, label, boxes[label - 1]) for label in range(1, number + 1)]
    return quantities_of(lesions)


def quantities_of(lesions: Sequence[LesionQuantities]) -> Quantities:
    """Put lesions in order, and sum them up."""
    ordered = sorted(lesions, key=lambda lesion: lesion["MTV_ml"], reverse=True)
    return {"unit": "SUV", "lesions": ordered, "total": _total(ordered)}


def _of_lesion(
    pet: sitk.Image, suv: NDArray[np.floating], numbers: NDArray[np.int32], label: int, box: tuple[slice, ...]
) -> LesionQuantities:
    """Quantities of one component, which lies within `box`."""
    spacing = pet.GetSpacing()[::-1]
    voxels = np.argwhere(numbers[box] == label) + [along.start for along in box]
    uptake = suv[tuple(voxels.T)].astype(np.float64)
    volume = len(voxels) * math.prod(spacing) / MM3_PER_ML
    return {
        "SUVmax": float(uptake.max()),
        "SUVmean": float(uptake.mean()),
        "SUVpeak": suv_peak(suv, voxels, spacing),
        "MTV_ml": volume,
        "TLG": float(uptake.mean()) * volume,
        "centroid_mm": list(pet.TransformContinuousIndexToPhysicalPoint(voxels.mean(axis=0)[::-1].tolist())),
    }


def _total(lesions: Sequence[LesionQuantities]) -> TotalQuantities:
    """Sums, maxima and the volume-weighted mean over lesions."""
    volume = float(sum(lesion["MTV_ml"] for lesion in lesions))
    glycolysis = float(sum(lesion["TLG"] for lesion in lesions))
    centroids = [lesion["centroid_mm"] for lesion in lesions]
    return {
        "lesions": len(lesions),
        "SUVmax": max((lesion["SUVmax"] for lesion in lesions), default=None),
        "SUVmean": glycolysis / volume if lesions else None,
        "SUVpeak": max((lesion["SUVpeak"] for lesion in lesions), default=None),
        "MTV_ml": volume,
        "TLG": glycolysis,
        "Dmax_mm": float(pdist(centroids).max()) if len(lesions) > 1 else 0.0,
    }
