"""The normalisation of a plan: nnU-Net's choice, or one division for all images."""

from copy import deepcopy
from typing import Any

from nnunetv2_cipa.dataset_conversion.raw_dataset import Normalization
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.plans import DIVISION_BY_255, are_divided_by_255

LARGEST_8_BIT = 255


def normalized(plans: dict[str, Any], normalization: Normalization, configuration: str) -> dict[str, Any]:
    """Plans with another normalisation, and then with preprocessed data of their own.

    Args:
        plans: nnU-Net's.
        normalization: "stock" changes nothing; "fixed" divides all channels by 255, as published CIPA does.
        configuration: the one to change.

    Raises:
        InputError: "fixed", but the images do not hold values from 0 to 255.
    """
    schemes = plans["configurations"][configuration]["normalization_schemes"]
    if normalization == "stock" or are_divided_by_255(schemes):
        return plans
    properties = plans["foreground_intensity_properties_per_channel"].values()
    if any(channel["min"] < 0 or channel["max"] > LARGEST_8_BIT for channel in properties):
        ranges = ", ".join(f"{channel['min']:g} to {channel['max']:g}" for channel in properties)
        raise InputError(f"--normalization fixed is for 8-bit images; the channels' tumours have {ranges}. Use stock.")
    changed = deepcopy(plans)
    changed["configurations"][configuration] |= {
        "normalization_schemes": [DIVISION_BY_255] * len(schemes),
        "data_identifier": f"{plans['plans_name']}_{configuration}",
    }
    return changed
