"""The places of a run, and the stock commands that work there."""

import os
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.planning.plans_files import OWN_PLANS
from nnunetv2_cipa.planning.timing import CONFIGURATION

from .model import Model
from .source import Source

FEW_CORES = 4
FEWER_PAGE_FAULTS = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(10**11)}
"""For the GNU C library: freed memory stays with the process, which will soon want as much again."""


@dataclass(frozen=True)
class Workspace:
    """Where a run keeps its data set, models, predictions and logs.

    Attributes:
        folder: of the run.
        source: of the data.
        nnunet_raw: nnU-Net's folder for raw data.
        nnunet_preprocessed: nnU-Net's folder for preprocessed data.
        nnunet_results: nnU-Net's folder for models.
        device: "cpu", "cuda" or "mps", for training and prediction.
    """

    folder: Path
    source: Source
    nnunet_raw: Path
    nnunet_preprocessed: Path
    nnunet_results: Path
    device: str

    @property
    def raw(self) -> Path:
        """The raw data set."""
        return self.nnunet_raw / self.source.dataset

    @property
    def preprocessed(self) -> Path:
        """The preprocessed data set."""
        return self.nnunet_preprocessed / self.source.dataset

    @property
    def results(self) -> Path:
        """The models of this data set."""
        return self.nnunet_results / self.source.dataset

    @property
    def plans_file(self) -> Path:
        """The plans that fit CIPA to this machine."""
        return self.preprocessed / f"{OWN_PLANS}.json"

    @property
    def has_test_images(self) -> bool:
        """Whether there is something to be predicted."""
        return self._has("imagesTs")

    @property
    def has_test_labels(self) -> bool:
        """Whether predictions can be measured."""
        return self._has("labelsTs")

    @property
    def environment(self) -> dict[str, str]:
        """The process environment with nnU-Net's folders and, unless the user chose, what makes CPUs faster.

        On few cores there are few workers, and waiting OpenMP threads sleep: spinning ones would take the cores from
        those at work.
        """
        folders = {
            "nnUNet_raw": str(self.nnunet_raw),
            "nnUNet_preprocessed": str(self.nnunet_preprocessed),
            "nnUNet_results": str(self.nnunet_results),
        }
        few_workers = {"nnUNet_def_n_proc": "2", "nnUNet_n_proc_DA": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        own_choice = {**FEWER_PAGE_FAULTS, **(few_workers if few_cores() else {})}
        return {**own_choice, **os.environ, **folders}

    def _has(self, folder: str) -> bool:
        """Whether the data set has files there; what is still to be converted has test images with labels."""
        awaited = self.source.converted and not self.raw.exists()
        return awaited or any((self.raw / folder).glob("*"))

    def fold_folder(self, model: Model, fold: int) -> Path:
        """Where nnU-Net trains `model` on `fold`."""
        return self.results / model.folder_name / f"fold_{fold}"

    def predictions(self, name: str) -> Path:
        """Where predictions of the test set go: those of a model, or "ensemble", or "final"."""
        return self.folder / "predictions" / name

    def dataset_options(self, folds: Sequence[int], plans: str = OWN_PLANS) -> tuple[str, ...]:
        """The dataset, plans, configuration and folds as prediction and comparison take them."""
        numbers = tuple(map(str, folds))
        return ("-d", str(self.source.dataset_id), "-p", plans, "-c", CONFIGURATION, "-f", *numbers)


def open_workspace(folder: Path, source: Source, device: str, environment: Mapping[str, str] = os.environ) -> Workspace:
    """The places of a run: nnU-Net's folders as the user has set them, else in the run's folder.

    A dataset that is in nnU-Net's raw format already is used where it is.
    """

    def place(variable: str) -> Path:
        return Path(environment.get(variable) or folder / variable).resolve()

    raw = place("nnUNet_raw") if source.converted else source.folder.parent
    return Workspace(folder, source, raw, place("nnUNet_preprocessed"), place("nnUNet_results"), device)


def few_cores() -> bool:
    """Whether nnU-Net's usual numbers of processes would be too much for this machine."""
    return (os.cpu_count() or 1) <= FEW_CORES


def stock_command(name: str) -> str:
    """Path of one of nnU-Net's or our commands, of this Python environment first.

    Raises:
        InputError: it is not installed.
    """
    here = sysconfig.get_path("scripts")
    found = shutil.which(name, path=os.pathsep.join((here, os.environ.get("PATH", ""))))
    if found is None:
        raise InputError(f"{name} is neither in {here} nor on the PATH. Is nnunetv2 installed in this environment?")
    return found


def our_command(name: str) -> tuple[str, str]:
    """Path of `nnUNetv2_cipa`, and the command of it that is meant.

    Raises:
        InputError: it is not installed.
    """
    return (stock_command("nnUNetv2_cipa"), name)


def processes() -> tuple[str, ...]:
    """Number of processes for commands that take `-np`, where their own would be too much for this machine."""
    return ("-np", "2") if few_cores() else ()
