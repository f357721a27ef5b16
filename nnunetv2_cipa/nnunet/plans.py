"""Plans files: their names, and how they are read and written."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file

STOCK_PLANS, OWN_PLANS = "nnUNetPlans", "nnUNetCIPAPlans"

PRESETS = {
    "nnUNetResEncUNetMPlans": "nnUNetPlannerResEncM",
    "nnUNetResEncUNetLPlans": "nnUNetPlannerResEncL",
    "nnUNetResEncUNetXLPlans": "nnUNetPlannerResEncXL",
}
"""nnU-Net's residual encoder presets: plans, and their planner. In 2d they share the stock plans' data."""

PLANNED = "_planned"
"""Ends the names of trainers that follow the schedule of their plans, and of presets' copies that have one."""

CONFIGURATION_2D = "2d"
"""The configuration that CIPA, a 2D network, is trained in."""

DIVISION_BY_255 = "RGBTo01Normalization"
"""nnU-Net's normalisation scheme for 8-bit images, also called rgb_to_0_1."""


def are_divided_by_255(normalizations: Sequence[str]) -> bool:
    """Whether nnU-Net's normalisation schemes are all a division of 8-bit values by 255."""
    return all(scheme == DIVISION_BY_255 for scheme in normalizations)


def check_configuration(plans: Mapping[str, Any], configuration: str) -> None:
    """Refuse a configuration that plans do not have.

    Raises:
        InputError: there is no such configuration.
    """
    if configuration not in plans["configurations"]:
        available = ", ".join(plans["configurations"])
        raise InputError(f"{plans['plans_name']} has no configuration {configuration!r}; it has {available}.")


def read_planned_json(path: Path) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Content of a JSON file that planning leaves, such as plans, splits_final.json or dataset.json.

    Raises:
        InputError: it is not there, or no JSON.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist. Plan the dataset first: nnUNetv2_plan_and_preprocess -d ID -c 2d")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}). Plan the dataset again.") from error


def write_plans(path: Path, plans: dict[str, Any], *, overwrite: bool) -> None:
    """Write a plans file as a whole.

    Raises:
        InputError: it is there already and `overwrite` is False.
    """
    with new_file(path, overwrite=overwrite) as file:
        file.write_text(json.dumps(plans, indent=4), encoding="utf-8")
