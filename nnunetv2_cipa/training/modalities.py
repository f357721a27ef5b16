"""Which channel of an nnU-Net dataset is CT and which is PET."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import MODALITIES

_WORDS = {"CT": {"ct", "ldct", "cect"}, "PET": {"pet", "pt", "suv", "fdg"}}


def channel_order(dataset_json: Mapping[str, Any]) -> tuple[int, int]:
    """Return the channel numbers of CT and of PET.

    They are read from `channel_names`; where these name normalisation schemes instead (such as rgb_to_0_1), from the
    list `modalities` that this project's converter writes; where neither names a modality, CT is channel 0.

    Args:
        dataset_json: content of nnU-Net's dataset.json.

    Raises:
        InputError: the dataset does not have two channels, or its names contradict CT and PET.
    """
    channel_names = dataset_json.get("channel_names", dataset_json.get("modality"))
    if not isinstance(channel_names, Mapping) or len(channel_names) != len(MODALITIES):
        raise InputError(
            f"CIPA needs two channels, CT and PET; dataset.json has channel_names {channel_names!r}. "
            "Train another trainer on this dataset, or convert it to the two channels."
        )
    names = [str(channel_names[key]) for key in sorted(channel_names, key=int)]
    for candidate in (names, dataset_json.get("modalities", [])):
        found = [_modality(str(name)) for name in candidate]
        if any(found):
            return _order(found, candidate)
    return (0, 1)


def _modality(name: str) -> str | None:
    words = set(re.split(r"[^a-z]+", name.lower()))
    matches = [modality for modality, known in _WORDS.items() if words & known]
    return matches[0] if len(matches) == 1 else None


def _order(found: Sequence[str | None], names: Sequence[str]) -> tuple[int, int]:
    """Order of two channels of which one, at least, is recognised; the other one is then the other modality."""
    for first, second in ((0, 1), (1, 0)):
        fits = (found[first] in ("CT", None), found[second] in ("PET", None))
        if len(found) == len(MODALITIES) and all(fits):
            return (first, second)
    raise InputError(
        f"CIPA needs one CT and one PET channel; dataset.json names them {list(names)!r}. "
        "Name one 'CT' and the other 'PET' (note that nnU-Net chooses the normalisation by the name)."
    )
