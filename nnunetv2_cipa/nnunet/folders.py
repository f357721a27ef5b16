"""nnU-Net's three folders, and a dataset's place in each."""

import os
from pathlib import Path
from typing import Literal

from nnunetv2_cipa.errors import InputError

Variable = Literal["nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"]

_PURPOSE: dict[Variable, str] = {
    "nnUNet_raw": "raw datasets",
    "nnUNet_preprocessed": "planned and preprocessed datasets",
    "nnUNet_results": "trained models",
}


def root_folder(variable: Variable) -> Path:
    """One of nnU-Net's folders, as the environment variable names it now.

    Raises:
        InputError: the variable is not set.
    """
    if folder := os.environ.get(variable):
        return Path(folder)
    raise InputError(f"{variable} is not set. Set it to the folder for {_PURPOSE[variable]}: export {variable}=/path")


def find_dataset(dataset: str | int) -> str:
    """Name of a dataset that is given by number or name, such as Dataset605_PCLT20K.

    Raises:
        InputError: nnU-Net's folders have none, or several of that number.
    """
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    text = str(dataset)
    try:
        return str(maybe_convert_to_dataset_name(int(text) if text.isdecimal() else text))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"There is no dataset {dataset} in nnU-Net's folders.") from error


def dataset_folder(variable: Variable, dataset: str | int) -> Path:
    """Folder of a dataset, given by number or name, in one of nnU-Net's folders; it need not exist there.

    Raises:
        InputError: the variable is not set, or there is no such dataset.
    """
    return root_folder(variable) / find_dataset(dataset)
