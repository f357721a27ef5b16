"""What a run starts from: a folder in PCLT20K's layout, or a dataset in nnU-Net's raw format."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError

PCLT20K_ID = 605
_DATASET_NAME = re.compile(r"Dataset(\d{3})_.+")


@dataclass(frozen=True)
class Source:
    """Data for a run.

    Attributes:
        folder: where they are.
        dataset: the name that they have, or are going to have, in nnU-Net.
        converted: they are in PCLT20K's layout and must be converted.
    """

    folder: Path
    dataset: str
    converted: bool

    @property
    def dataset_id(self) -> int:
        """nnU-Net's number of the dataset."""
        return int(self.dataset[7:10])


def find_source(given: str, dataset_id: int = PCLT20K_ID) -> Source:
    """Recognise what was given: a folder, or the number or name of a dataset in nnUNet_raw.

    Args:
        given: on the command line.
        dataset_id: for data that must be converted.

    Raises:
        InputError: there is no such folder or dataset, or a folder that nnU-Net does not know by its name.
    """
    folder = Path(given)
    if folder.is_dir():
        folder = folder.resolve()
        if not (folder / "dataset.json").is_file():
            return Source(folder, f"Dataset{dataset_id:03d}_PCLT20K", converted=True)
        if not _DATASET_NAME.fullmatch(folder.name):
            raise InputError(f"{folder} holds a dataset.json, but is not named as nnU-Net wants: DatasetXXX_NAME.")
        return Source(folder, folder.name, converted=False)
    raw = os.environ.get("nnUNet_raw")
    pattern = f"Dataset{int(given):03d}_*" if given.isdigit() else given
    found = [path for path in Path(raw).glob(pattern) if (path / "dataset.json").is_file()] if raw and pattern else []
    if len(found) != 1:
        where = f"in nnUNet_raw, {raw}" if raw else "and nnUNet_raw is not set"
        raise InputError(f"-i {given}: neither a folder, nor one dataset {where}.")
    return Source(found[0].resolve(), found[0].name, converted=False)
