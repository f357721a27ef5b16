"""Images of a dataset in nnU-Net's layout: where they are, and what their channels are called."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError

from .folders import root_folder


@dataclass(frozen=True)
class Images:
    """Where the images of cases are: `CASE_0000.png`, `CASE_0001.png`, ...

    Attributes:
        folder: Such as imagesTs.
        file_ending: With the dot.
        channel_names: In the order of the channels' numbers.
    """

    folder: str
    file_ending: str
    channel_names: tuple[str, ...]


def listed_modalities(dataset_json: Mapping[str, Any]) -> list[str] | None:
    """The modalities that a dataset.json has beside the names of channels, in the order of the channels' numbers.

    They may be written as a list, or by channel as the names are; None where there are none.

    Raises:
        ValueError: they are neither.
    """
    listed = dataset_json.get("modalities")
    if isinstance(listed, Mapping):
        listed = [listed[key] for key in sorted(listed, key=int)]
    if listed is not None and not isinstance(listed, list):
        raise ValueError(f'modalities must be a list, such as ["CT", "PET"], and are {listed!r}')
    return None if listed is None else list(map(str, listed))


def images_in(folder: Path) -> Images:
    """Describe a folder of images by the dataset.json beside it; its list `modalities`, if any, names the channels.

    Raises:
        InputError: there is no such folder, or no such file, or it is none of nnU-Net's.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    dataset_json = folder.resolve().with_name("dataset.json")
    try:
        content = json.loads(dataset_json.read_text(encoding="utf-8"))
        channels = content["channel_names"]
        names = listed_modalities(content) or [channels[key] for key in sorted(channels, key=int)]
        return Images(str(folder), content["file_ending"], tuple(map(str, names)))
    except OSError as error:
        raise InputError(f"{dataset_json} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{dataset_json} is no dataset.json of nnU-Net v2: look at channel_names.") from error


def images_of_labels(labels: Path, dataset_name: str) -> Images | None:
    """Find the images that belong to a folder of label files, None where nnU-Net's layout does not tell."""
    folder = labels.resolve()
    try:
        if folder.name == "gt_segmentations":  # nnU-Net's copy of labelsTr
            folder = (root_folder("nnUNet_raw") / dataset_name / "labelsTr").resolve()
        if "labels" not in folder.name:
            return None
        return images_in(folder.with_name(folder.name.replace("labels", "images", 1)))
    except InputError:
        return None
