"""What a run starts from, where it works, and the stock commands that work there."""

import os
import re
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts, Converter, converter_for
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, OWN_PLANS
from nnunetv2_cipa.nnunet.raw_dataset import read_raw_dataset

from .experiment import Model

_DATASET_NAME = re.compile(r"Dataset(\d{3})_.+")
FEW_CORES = 4
FEWER_PAGE_FAULTS = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(10**11)}
"""For the GNU C library: freed memory stays with the process, which will soon want as much again."""


@dataclass(frozen=True)
class Source:
    """Data for a run.

    Attributes:
        folder: where they are.
        dataset: the name that they have, or are going to have, in nnU-Net.
        converter: brings them into nnU-Net's raw format; None where they are in it.
    """

    folder: Path
    dataset: str
    converter: Converter | None = None

    @property
    def dataset_id(self) -> int:
        """nnU-Net's number of the dataset."""
        return int(self.dataset[7:10])


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
    def is_converted(self) -> bool:
        """Whether the raw data set is there."""
        return (self.raw / "dataset.json").is_file()

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
    def inference_information(self) -> Path:
        """What nnUNetv2_find_best_configuration writes."""
        return self.results / "inference_information.json"

    @property
    def on_gpu(self) -> bool:
        """Whether trainings and predictions need a GPU of a cluster."""
        return self.device == "cuda"

    @property
    def environment(self) -> dict[str, str]:
        """The process environment with nnU-Net's folders and, unless the user chose, what makes CPUs faster.

        On few cores there are few workers, and waiting OpenMP threads soon sleep: spinning ones would take the cores
        from those at work, and those that sleep at once are late.
        """
        folders = {
            "nnUNet_raw": str(self.nnunet_raw),
            "nnUNet_preprocessed": str(self.nnunet_preprocessed),
            "nnUNet_results": str(self.nnunet_results),
        }
        few_workers = {"nnUNet_def_n_proc": "2", "nnUNet_n_proc_DA": "1", "GOMP_SPINCOUNT": "10000"}
        own_choice = {**FEWER_PAGE_FAULTS, **(few_workers if few_cores() else {})}
        return {**own_choice, **os.environ, **folders}

    def fold_folder(self, model: Model, fold: int) -> Path:
        """Where nnU-Net trains `model` on `fold`."""
        return self.results / model.folder_name / f"fold_{fold}"

    def predictions(self, name: str) -> Path:
        """Where predictions of the test set go: those of a model, or "ensemble", or "final"."""
        return self.folder / "predictions" / name

    def dataset_options(self, folds: Sequence[int], plans: str = OWN_PLANS) -> tuple[str, ...]:
        """The dataset, plans, configuration and folds as prediction and comparison take them."""
        numbers = tuple(map(str, folds))
        return ("-d", str(self.source.dataset_id), "-p", plans, "-c", CONFIGURATION_2D, "-f", *numbers)


def source_to_convert(folder: Path, converter: Converter, dataset_id: int | None = None) -> Source:
    """Data that a converter is to bring into nnU-Net's raw format."""
    number = converter.dataset_id if dataset_id is None else dataset_id
    return Source(folder, f"Dataset{number:03d}_{converter.dataset_name}", converter)


def find_source(given: str, dataset_id: int | None = None) -> Source:
    """Recognise what was given: a folder, or the number or name of a dataset in nnUNet_raw.

    Args:
        given: on the command line.
        dataset_id: for data that must be converted, instead of the converter's own.

    Raises:
        InputError: there is no such folder or dataset, or a folder that neither nnU-Net nor a converter knows.
    """
    folder = Path(given)
    if folder.is_dir():
        folder = folder.resolve()
        if not (folder / "dataset.json").is_file():
            return source_to_convert(folder, converter_for(folder), dataset_id)
        if not _DATASET_NAME.fullmatch(folder.name):
            raise InputError(f"{folder} holds a dataset.json, but is not named as nnU-Net wants: DatasetXXX_NAME.")
        return Source(folder, folder.name)
    raw = os.environ.get("nnUNet_raw")
    pattern = f"Dataset{int(given):03d}_*" if given.isdigit() else given
    found = [path for path in Path(raw).glob(pattern) if (path / "dataset.json").is_file()] if raw and pattern else []
    if len(found) != 1:
        where = f"in nnUNet_raw, {raw}" if raw else "and nnUNet_raw is not set"
        raise InputError(f"-i {given}: neither a folder, nor one dataset {where}.")
    return Source(found[0].resolve(), found[0].name)


def open_workspace(folder: Path, source: Source, device: str, environment: Mapping[str, str] = os.environ) -> Workspace:
    """The places of a run: nnU-Net's folders as the user has set them, else in the run's folder.

    A dataset that is in nnU-Net's raw format already is used where it is.
    """

    def place(variable: str) -> Path:
        return Path(environment.get(variable) or folder / variable).resolve()

    raw = place("nnUNet_raw") if source.converter else source.folder.parent
    return Workspace(folder, source, raw, place("nnUNet_preprocessed"), place("nnUNet_results"), device)


def count_cases(workspace: Workspace) -> CaseCounts:
    """The cases of the raw dataset, or, before it is there, those that its conversion is going to give.

    Raises:
        InputError: data to be converted, or the dataset, cannot be read.
    """
    source = workspace.source
    if source.converter is not None and not workspace.is_converted:
        return source.converter.count(source.folder)
    dataset = read_raw_dataset(workspace.raw)
    training, test = dataset.training_cases, dataset.test_cases
    labelled = len(dataset.unlabelled_test_cases) < len(test)
    return CaseCounts(len(training), len(test), dataset.pixels() if training else 0, test_labels=labelled)


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
