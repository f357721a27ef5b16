"""A study's volumes, and the case on one grid that is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage

from .grids import AIR_HU, array_of, resampled, resampled_labels, target_grid, voxel_volume
from .labels import united

GridChoice = Literal["ct", "pet"]

_WORTH_A_WARNING = 0.1
_LOW_UPTAKE = 1.0


@dataclass
class Volumes:
    """A study as it was found.

    Attributes:
        ct: HU.
        pet: SUV by body weight, on its own grid.
        labels: class numbers, each volume on its own grid; empty if the study has no label.
        record: what was chosen and why, for JSON.
        warnings: what a reader should know.
    """

    ct: sitk.Image
    pet: sitk.Image
    labels: list[sitk.Image]
    record: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


class Case(Protocol):
    """A study that can become a case: found by a layout, read when its turn comes. Picklable."""

    @property
    def name(self) -> str:
        """Case identifier."""

    @property
    def patient(self) -> str:
        """Whose study it is."""

    @property
    def labelled(self) -> bool:
        """Whether it has a label, be it empty."""

    def choose(self) -> dict[str, Any]:
        """What is chosen and why, from headers alone.

        Raises:
            InputError: the study is refused.
        """

    def read(self) -> Volumes:
        """The volumes.

        Raises:
            InputError: the study is refused.
        """


@dataclass
class OnOneGrid:
    """A case: CT, PET and label with the same voxels.

    Attributes:
        ct: HU.
        pet: SUV.
        label: class numbers, uint8; None without a label.
        warnings: what resampling has changed.
    """

    ct: sitk.Image
    pet: sitk.Image
    label: sitk.Image | None
    warnings: list[str]


def on_one_grid(volumes: Volumes, grid: GridChoice, spacing: Sequence[float] | None = None) -> OnOneGrid:
    """Resample a study to the grid of its CT or PET, cropped to where there is PET, or to a spacing of one's own.

    Raises:
        InputError: CT and PET have too little in common.
    """
    target = target_grid(volumes.ct if grid == "ct" else volumes.pet, volumes.pet, spacing)
    if grid == "pet":
        target_grid(volumes.ct, volumes.pet)  # refuses a CT of another part of the body
    ct, pet = resampled(volumes.ct, target, AIR_HU), resampled(volumes.pet, target, 0.0)
    if not volumes.labels:
        return OnOneGrid(ct, pet, None, [])
    placed = [resampled_labels(label, target) for label in volumes.labels]
    warnings = [text for old, new in zip(volumes.labels, placed, strict=True) for text in _changes(old, new)]
    return OnOneGrid(ct, pet, united(placed), [*warnings, *_uptake_in_label(pet, united(placed))])


def figures(volumes: Volumes) -> Mapping[str, float]:
    """Figures that tell at a glance whether units are right: SUV of thick soft tissue such as liver, HU of the body.

    The body is what is denser than -500 HU; thick soft tissue what of 0 to 150 HU is left after 12 mm have been taken
    off all around: liver, spleen and heart, in a leg muscle. Medians; NaN where there is none.
    """
    ct = sitk.Resample(volumes.ct, volumes.pet, sitk.Transform(), sitk.sitkLinear, AIR_HU, sitk.sitkFloat32)
    hu, suv = array_of(ct), array_of(volumes.pet)
    body = hu > -500
    soft = (hu > 0) & (hu < 150)
    filled = ndimage.binary_closing(soft)
    distance = ndimage.distance_transform_edt(filled, sampling=volumes.pet.GetSpacing()[::-1])
    thick = soft & (distance > 12)
    return {
        "body_HU": _median(hu[body]),
        "body_SUV": _median(suv[body]),
        "thick_soft_tissue_SUV": _median(suv[thick]),
        "max_SUV": float(suv.max()),
        "PET_voxel_ml": voxel_volume(volumes.pet),
    }


def figure_warnings(found: Mapping[str, float]) -> list[str]:
    """What is unusual about `figures`."""
    warnings = []
    if not -300 <= found["body_HU"] <= 300:
        warnings.append(f"the body has a median of {found['body_HU']:.0f} HU: is the CT in HU?")
    if found["body_SUV"] < 0.05 or found["body_SUV"] > 5:
        warnings.append(f"the body has a median SUV of {found['body_SUV']:.3g}: is the PET in SUV?")
    if not 0.3 <= found["thick_soft_tissue_SUV"] <= 6 and not np.isnan(found["thick_soft_tissue_SUV"]):
        value = found["thick_soft_tissue_SUV"]
        warnings.append(f"thick soft tissue has a median SUV of {value:.3g}; liver has 1.3 to 3.0 with FDG")
    return warnings


def _changes(old: sitk.Image, new: sitk.Image) -> list[str]:
    before, after = _volume(old), _volume(new)
    warnings = []
    if before and abs(after / before - 1) > _WORTH_A_WARNING:
        warnings.append(f"the label has {after:.2f} ml on the new grid, {before:.2f} ml on its own")
    lesions, left = _lesions(old), _lesions(new)
    if left < lesions:
        warnings.append(f"the label has {left} lesions on the new grid, {lesions} on its own")
    return warnings


def _uptake_in_label(pet: sitk.Image, label: sitk.Image) -> list[str]:
    inside = array_of(pet)[array_of(label) > 0]
    if inside.size and np.median(inside) < _LOW_UPTAKE:
        return [f"the label's median SUV is {np.median(inside):.2f}: is it shifted or flipped?"]
    return []


def _volume(label: sitk.Image) -> float:
    return float(np.count_nonzero(array_of(label)) * voxel_volume(label))


def _lesions(label: sitk.Image) -> int:
    """How many components, of 18 neighbours."""
    values = array_of(label) > 0
    boxes = ndimage.find_objects(values.astype(np.uint8))
    if not boxes:
        return 0
    _, number = ndimage.label(values[boxes[0]], ndimage.generate_binary_structure(3, 2))
    return int(number)


def _median(values: Any) -> float:  # noqa: ANN401 - a NumPy array
    return float(np.median(values)) if values.size else float("nan")
