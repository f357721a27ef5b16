"""One folder with nnU-Net's three folders in it, and the stock commands that work there."""

import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError

DATASET_ID = 605
DATASET_NAME = f"Dataset{DATASET_ID}_PCLT20K"
CONFIGURATION = "2d"
FEW_CORES = 4


@dataclass(frozen=True)
class Workspace:
    """Where a run keeps its data set, models, predictions and logs.

    Attributes:
        folder: made if it does not exist.
        device: "cpu", "cuda" or "mps", for training and prediction.
    """

    folder: Path
    device: str

    @property
    def dataset(self) -> Path:
        """The converted data set."""
        return self.folder / "nnUNet_raw" / DATASET_NAME

    @property
    def environment(self) -> dict[str, str]:
        """The process environment with nnU-Net's folders; on few cores, unless the user chose, with few workers.

        There, waiting OpenMP threads sleep: spinning ones would take the cores from those at work.
        """
        variables = {name: str(self.folder / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
        few_workers = {"nnUNet_def_n_proc": "2", "nnUNet_n_proc_DA": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        few = few_workers if (os.cpu_count() or 1) <= FEW_CORES else {}
        return {**few, **os.environ, **variables}

    def fold_folder(self, trainer: str, fold: int) -> Path:
        """Where nnU-Net trains `trainer` on `fold`."""
        name = f"{trainer}__nnUNetPlans__{CONFIGURATION}"
        return self.folder / "nnUNet_results" / DATASET_NAME / name / f"fold_{fold}"

    def predictions(self, trainer: str) -> Path:
        """Where the test set's predictions of `trainer` go."""
        return self.folder / "predictions" / trainer

    def plan(self) -> list[str]:
        """nnU-Net's command that plans and preprocesses."""
        few = ["-npfp", "1", "-np", "1"] if (os.cpu_count() or 1) <= FEW_CORES else []
        command = [stock_command("nnUNetv2_plan_and_preprocess"), "-d", str(DATASET_ID), "-c", CONFIGURATION]
        return [*command, "--verify_dataset_integrity", *few]

    def train(self, trainer: str, fold: int) -> list[str]:
        """nnU-Net's command that trains, from the last checkpoint where there is one."""
        command = [stock_command("nnUNetv2_train"), str(DATASET_ID), CONFIGURATION, str(fold), "-tr", trainer]
        started = any(self.fold_folder(trainer, fold).glob("checkpoint_*.pth"))
        return [*command, "-device", self.device, *(["--c"] if started else [])]

    def predict(self, trainer: str, fold: int) -> list[str]:
        """nnU-Net's command that predicts the test set."""
        few = ["-npp", "1", "-nps", "1"] if (os.cpu_count() or 1) <= FEW_CORES else []
        command = [stock_command("nnUNetv2_predict"), "-i", str(self.dataset / "imagesTs")]
        command += ["-o", str(self.predictions(trainer)), "-d", str(DATASET_ID), "-c", CONFIGURATION]
        return [*command, "-tr", trainer, "-f", str(fold), "-device", self.device, *few]


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
