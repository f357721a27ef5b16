"""Which channel of an nnU-Net dataset is CT and which is PET: what names say, and whether intensities agree."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import MODALITIES
from nnunetv2_cipa.nnunet.images import listed_modalities
from nnunetv2_cipa.training.modality_words import modality_of

CT, PET = MODALITIES
NEVER_IN_PET, SELDOM_IN_PET = -500.0, -50.0
LARGEST_OVERSHOOT = 0.02
"""PET is not negative, but for resampling, which overshoots by a small part of the largest value; air has -1000 HU."""


class ModalityWarning(UserWarning):
    """The channels are taken for CT and PET in an order that may be wrong."""


@dataclass(frozen=True)
class ModalityChannels:
    """The channel numbers of CT and of PET.

    Attributes:
        order: number of CT, then of PET.
        doubts: what speaks against that order, each a sentence with what to do.
    """

    order: tuple[int, int]
    doubts: tuple[str, ...] = ()


def channel_order(dataset_json: Mapping[str, Any]) -> tuple[int, int]:
    """Return the channel numbers of CT and of PET, as `modality_channels` finds them.

    Args:
        dataset_json: content of nnU-Net's dataset.json.

    Warns:
        ModalityWarning: the names leave the order in doubt.

    Raises:
        InputError: the dataset does not have two channels, or its names contradict CT and PET.
    """
    channels = modality_channels(dataset_json)
    for doubt in channels.doubts:
        warnings.warn(doubt, ModalityWarning, stacklevel=2)
    return channels.order


def modality_channels(
    dataset_json: Mapping[str, Any], intensities: Mapping[str, Mapping[str, float]] | None = None
) -> ModalityChannels:
    """Find out which channel is CT and which is PET, and what speaks against it.

    The names in `channel_names` tell them, of which one is enough, and the list `modalities` that this project's
    converters write, since names may be chosen for nnU-Net's normalisation (rgb_to_0_1, or CT for both channels). Where
    neither tells them, CT is channel 0.

    Args:
        dataset_json: content of nnU-Net's dataset.json.
        intensities: "min" and "max" of each channel by its number, as nnU-Net's plans have them under
            `foreground_intensity_properties_per_channel`; what they say against the order is among the doubts.

    Raises:
        InputError: the dataset does not have two channels, or its names contradict CT and PET or each other.
    """
    names = _channel_names(dataset_json)
    try:
        listed = listed_modalities(dataset_json)
    except ValueError as error:
        raise InputError(f"dataset.json: {error}.") from error
    by_list = None if listed is None else _order(listed, "modalities")
    doubts: tuple[str, ...] = ()
    if [modality_of(name) for name in names] == [CT, CT]:
        by_names = None
        if by_list is None:
            doubts = (
                f"Both channels are named CT ({', '.join(names)}): channel 0 is taken for CT and channel 1 for PET. "
                'Add "modalities": ["CT", "PET"] (or the other order) to dataset.json to be sure.',
            )
    else:
        by_names = _order(names, "channel_names")
    if by_names and by_list and by_names != by_list:
        raise InputError(f"dataset.json contradicts itself: channel_names are {names!r}, modalities {listed!r}.")
    order = by_list or by_names or (0, 1)
    return ModalityChannels(order, doubts + _contradictions(order, intensities or {}))


def _channel_names(dataset_json: Mapping[str, Any]) -> list[str]:
    channel_names = dataset_json.get("channel_names", dataset_json.get("modality"))
    if not isinstance(channel_names, Mapping) or len(channel_names) != len(MODALITIES):
        raise InputError(
            f"CIPA needs two channels, CT and PET; dataset.json has channel_names {channel_names!r}. "
            "Train another trainer on this dataset, or convert it to the two channels."
        )
    return [str(channel_names[key]) for key in sorted(channel_names, key=int)]


def _order(names: Sequence[Any], where: str) -> tuple[int, int] | None:
    """Order of two channels by the one, at least, whose name is recognised; None if neither is."""
    found = [modality_of(str(name)) for name in names]
    if len(found) == len(MODALITIES) and not any(found):
        return None
    for first, second in ((0, 1), (1, 0)):
        if len(found) == len(MODALITIES) and found[first] in (CT, None) and found[second] in (PET, None):
            return first, second
    raise InputError(
        f"CIPA needs one CT and one PET channel; dataset.json has {where} {list(names)!r}. "
        "Name one 'CT' and the other 'PET' (note that nnU-Net chooses the normalisation by the name in channel_names; "
        'a list "modalities": ["CT", "PET"] beside them tells the modalities alone).'
    )


def _contradictions(order: tuple[int, int], intensities: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    ct, pet = (intensities.get(str(channel), {}) for channel in order)
    lowest, largest = pet.get("min", 0.0), pet.get("max", 0.0)
    limit = SELDOM_IN_PET if ct.get("min", -1.0) >= 0 else NEVER_IN_PET
    if lowest >= limit or -lowest <= LARGEST_OVERSHOOT * largest:
        return ()
    return (
        f"Channel {order[1]} is taken for PET and has values down to {lowest:.0f}, as only CT in HU has. Check the "
        'order of channel_names in dataset.json, or add the list "modalities" in the right order.',
    )
