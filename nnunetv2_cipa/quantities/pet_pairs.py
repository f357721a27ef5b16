"""Folders of masks and of PET volumes: which belong together."""

import re
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import read_json
from nnunetv2_cipa.training.modalities import channel_order

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".gipl")
"""Of volumes."""


@dataclass(frozen=True)
class PetPair:
    """A mask, the PET it belongs to, and their case identifier."""

    case: str
    pet: Path
    mask: Path


def find_pet_pairs(pets: Path, masks: Path) -> list[PetPair]:
    """Find the PET of each mask of a folder.

    It is CASE.nii.gz (or another ending), or the PET channel of nnU-Net's images, CASE_0001.nii.gz: the one that the
    dataset.json beside the folder of images, or among the masks, names PET.

    Args:
        pets: Folder of PET volumes; others in it than those of the masks are not looked at.
        masks: Folder of masks.

    Raises:
        InputError: a folder is none or has no volume, or masks have no PET or several; all are named.
    """
    found = _volumes(masks)
    images = _volumes(pets)
    channels: dict[str, dict[int, Path]] = {}
    for name, file in images.items():
        if match := re.fullmatch(r"(.+)_(\d{4})", name):
            channels.setdefault(match[1], {})[int(match[2])] = file
    several = any(len(channels.get(case, {})) > 1 for case in found if case not in images)
    wanted = _pet_channel(pets, masks) if several else None
    pairs, missing = [], []
    for case, mask in sorted(found.items()):
        of_case = channels.get(case, {})
        pet = images.get(case) or (of_case.get(wanted) if wanted is not None else next(iter(of_case.values()), None))
        if pet is None:
            missing.append(f"    {case}")
        else:
            pairs.append(PetPair(case, pet, mask))
    if missing:
        expected = "CASE" if wanted is None else f"CASE_{wanted:04}"
        raise InputError("\n".join([f"{pets} has no PET ({expected}.nii.gz) of {len(missing)} masks:", *missing]))
    return pairs


def _volumes(folder: Path) -> dict[str, Path]:
    """Volumes of a folder by their names without the ending; hidden ones are not looked at."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        ending = next((ending for ending in ENDINGS if file.name.endswith(ending)), None)
        if ending is not None and not file.name.startswith("."):
            name = file.name.removesuffix(ending)
            if name in found:
                raise InputError(f"{folder} has {name} twice: {found[name].name} and {file.name}. Remove one of them.")
            found[name] = file
    if not found:
        raise InputError(
            f"{folder} has no volume ({', '.join(ENDINGS)}). "
            "Quantities need volumes in SUV; slices such as PNG have no ml."
        )
    return found


def _pet_channel(pets: Path, masks: Path) -> int:
    """Number of the PET channel of nnU-Net's images."""
    nearby = (pets.resolve().parent / "dataset.json", masks / "dataset.json", masks.resolve().parent / "dataset.json")
    file = next(filter(Path.is_file, nearby), None)
    if file is None:
        raise InputError(
            f"{pets} has several channels of a case (_0000, _0001), and no dataset.json beside it says which is the "
            "PET. Give a folder of PET volumes that are named as the masks."
        )
    content = read_json(file)
    try:
        return channel_order(content)[1]
    except ValueError as error:
        raise InputError(f"{file} does not say which channel is the PET: {error}") from error
