"""Plans files: their names, where nnU-Net keeps them, reading and writing."""

import json
from pathlib import Path
from typing import Any

from nnunetv2.paths import nnUNet_preprocessed
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file

STOCK_PLANS, OWN_PLANS = "nnUNetPlans", "nnUNetCIPAPlans"


def preprocessed_folder(dataset: str) -> Path:
    """Folder of a dataset in nnUNet_preprocessed.

    Args:
        dataset: number or name.

    Raises:
        InputError: nnU-Net's folder is not set, or has no such dataset.
    """
    root = nnUNet_preprocessed.get()
    if not root:
        raise InputError("nnUNet_preprocessed is not set. Set it to the folder where nnU-Net plans datasets.")
    try:
        return Path(root) / maybe_convert_to_dataset_name(int(dataset) if dataset.isdigit() else dataset)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"There is no dataset {dataset} in nnU-Net's folders.") from error


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Content of a file that planning leaves.

    Raises:
        InputError: it is not there.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist. Plan the dataset first: nnUNetv2_plan_and_preprocess -d ID -c 2d")
    return json.loads(path.read_text(encoding="utf-8"))


def write_plans(path: Path, plans: dict[str, Any], *, overwrite: bool) -> None:
    """Write a plans file as a whole.

    Raises:
        InputError: it is there already and `overwrite` is False.
    """
    with new_file(path, overwrite=overwrite) as file:
        file.write_text(json.dumps(plans, indent=4), encoding="utf-8")
