"""Normalisations of a plan by the names of our commands, and what nnU-Net calls them."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any, Literal, get_args

from .plans import DIVISION_BY_255

Normalization = Literal["stock", "divide_by_255", "dataset"]

DATASET_STATISTICS = "CTNormalization"
"""nnU-Net's scheme for channels named CT: clipped to the 0.5 and 99.5 percentiles of the foreground of all training
images, and z-scored by its mean and standard deviation. It keeps the scale of uptake."""

SCHEMES: dict[Normalization, str] = {"divide_by_255": DIVISION_BY_255, "dataset": DATASET_STATISTICS}
"""The scheme of all channels; with stock each has nnU-Net's choice."""

CHANNEL_NAMES: dict[Normalization, tuple[str, str]] = {
    "stock": ("CT", "PET"),
    "divide_by_255": ("rgb_to_0_1", "rgb_to_0_1"),
    "dataset": ("CT", "CT"),
}
"""Names of CT and PET in dataset.json for which nnU-Net itself plans so; which is which, `modalities` has to say."""

_EARLIER_NAMES = {"fixed": "divide_by_255"}


def default_normalization(dataset_json: Mapping[str, Any]) -> Normalization:
    """That of a plan where nobody has chosen one: PET in SUV keeps its scale, anything else is nnU-Net's choice."""
    return "dataset" if dataset_json.get("pet_unit") == "SUV" else "stock"


def add_normalization_argument(parser: ArgumentParser, *, default: Normalization | None = "stock") -> None:
    """Declare the normalisation of a command that plans or converts; the default None is left to the data."""
    shown = "dataset for PET in SUV, else stock" if default is None else default
    parser.add_argument(
        "--normalization",
        type=lambda text: _EARLIER_NAMES.get(text, text),
        choices=get_args(Normalization),
        default=default,
        help="stock: nnU-Net's choice; dataset: PET as nnU-Net does CT, clipped and z-scored by the foreground of the "
        "whole data set; divide_by_255, formerly fixed: 8-bit images divided by 255 "
        f"(default: {shown})",
    )
