"""Masks brought to the PET's own voxels."""

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError

from .input_volumes import check_mask

_NOTEWORTHY_CHANGE = 0.1


def on_grid_of(pet: sitk.Image, mask: sitk.Image) -> sitk.Image:
    """Resample the labels of a mask to the PET's voxels: each takes that of the mask's nearest voxel, outside of it 0.

    Raises:
        InputError: the mask is no volume of labels, or all of its labels lie where the PET has no voxels.
    """
    labels = check_mask(mask)
    if _has_labels(labels) and not _has_labels(_part_within(pet, labels)):
        raise InputError(
            "The mask lies outside of the PET: none of its lesions is where the PET has voxels "
            f"(PET from {_corners(pet)} mm, mask from {_corners(labels)} mm). "
            "Do the two belong to the same patient and frame of reference?"
        )
    return sitk.Resample(labels, pet, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


def doubts(pet: sitk.Image, mask: sitk.Image) -> list[str]:
    """What a reader should know about a mask's way to the PET's voxels: what it lost, and how its volume changed.

    Raises:
        InputError: as for `on_grid_of`.
    """
    labels = check_mask(mask)
    before, after = _volume(labels), _volume(on_grid_of(pet, labels))
    within = _volume(_part_within(pet, labels))
    found = []
    if within < before:
        found.append(f"{before - within:.3g} of the mask's {before:.3g} ml lie outside of the PET and are not measured")
    if abs(after - within) > _NOTEWORTHY_CHANGE * within:
        found.append(f"the mask has {within:.3g} ml within the PET, on its voxels {after:.3g} ml")
    return found


def _part_within(pet: sitk.Image, labels: sitk.Image) -> sitk.Image:
    """The labels that lie where the PET has voxels, on their own grid."""
    everywhere = sitk.Image(pet.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(pet)
    covered = sitk.Resample(everywhere, labels, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return labels * sitk.Cast(covered, labels.GetPixelID())


def _has_labels(labels: sitk.Image) -> bool:
    return bool(sitk.GetArrayViewFromImage(labels).any())


def _volume(labels: sitk.Image) -> float:
    """Of all that is not 0, in ml."""
    return np.count_nonzero(sitk.GetArrayViewFromImage(labels)) * float(np.prod(labels.GetSpacing())) / 1000


def _corners(image: sitk.Image) -> str:
    ends = (image.TransformIndexToPhysicalPoint(index) for index in ((0, 0, 0), [n - 1 for n in image.GetSize()]))
    return " to ".join("(" + ", ".join(f"{value:.0f}" for value in end) + ")" for end in ends)
