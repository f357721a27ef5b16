"""The normalisation of a plan: nnU-Net's choice, or one scheme for all channels."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.normalizations import SCHEMES, Normalization

LARGEST_8_BIT = 255


def normalized(plans: dict[str, Any], normalization: Normalization, configuration: str) -> dict[str, Any]:
    """Plans with another normalisation, and then with preprocessed data of their own.

    The names of the channels, from which nnU-Net has made its choice, stay as they are: they say which is CT.

    Args:
        plans: nnU-Net's.
        normalization: "stock" changes nothing; "divide_by_255" is what published CIPA does; "dataset" normalises PET as
            nnU-Net does CT, by statistics of the foreground that the plans have for every channel.
        configuration: the one to change.

    Raises:
        InputError: "divide_by_255", but the images do not hold values from 0 to 255.
    """
    present = plans["configurations"][configuration]["normalization_schemes"]
    wanted = present if normalization == "stock" else [SCHEMES[normalization]] * len(present)
    if wanted == present:
        return plans
    if normalization == "divide_by_255":
        _check_8_bit(plans["foreground_intensity_properties_per_channel"].values())
    changed = deepcopy(plans)
    changed["configurations"][configuration] |= {
        "normalization_schemes": wanted,
        "data_identifier": f"{plans['plans_name']}_{configuration}",
    }
    return changed


def _check_8_bit(properties: Iterable[Mapping[str, float]]) -> None:
    channels = list(properties)
    if any(channel["min"] < 0 or channel["max"] > LARGEST_8_BIT for channel in channels):
        ranges = ", ".join(f"{channel['min']:g} to {channel['max']:g}" for channel in channels)
        raise InputError(
            f"--normalization divide_by_255 is for 8-bit images; the channels' tumours have {ranges}. "
            "Use stock or dataset."
        )
