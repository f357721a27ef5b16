"""How every trainer of ours runs, whatever network it trains and however long."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.patients import REMEDY, find_patients, mixing, patients_of

NNUNET_DEVICE = torch.device("cuda")
_NAMED = 3


class BaseTrainer(nnUNetTrainer):
    """nnU-Net's trainer with a declared schedule, the plan's seed, and checkpoints that are whole or not there.

    Where a fold has cases of one patient in training and validation, the log says so.

    Where the plan has a seed (`"seed": 1`, as `nnUNetv2_cipa plan_seed` writes it), the training process draws its
    random numbers from it: the initial weights, DropPath and whatever else is drawn in this process; nnU-Net's
    augmentation only with nnUNet_n_proc_DA=0, as its workers choose seeds of their own. A training that is resumed
    draws other numbers than it began with, so that none are repeated, and so does each process of several GPUs.

    Attributes:
        epochs: nnU-Net's `num_epochs`.
        iterations_per_epoch: of training.
        validation_iterations_per_epoch: of the validation in an epoch.
        epochs_between_checkpoints: how often `checkpoint_latest.pth` is written.
        mirrored_prediction: whether nnU-Net's inference averages over mirrored images. Training mirrors in any case.
    """

    epochs = 1000
    iterations_per_epoch = 250
    validation_iterations_per_epoch = 50
    epochs_between_checkpoints = 50
    mirrored_prediction = True

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = NNUNET_DEVICE,
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = self.epochs
        self.num_iterations_per_epoch = self.iterations_per_epoch
        self.num_val_iterations_per_epoch = self.validation_iterations_per_epoch
        self.save_every = self.epochs_between_checkpoints

    def on_train_start(self) -> None:
        """Seed, before nnU-Net builds the network and begins to load data."""
        seed: int | None = self.plans_manager.plans.get("seed")
        if seed is not None:
            seed_this_process(seed, self.current_epoch, self.local_rank)
        super().on_train_start()

    def get_tr_and_val_datasets(self) -> tuple[Any, Any]:
        """Split as nnU-Net does, and warn where that puts a patient's cases on both sides."""
        training, validation = super().get_tr_and_val_datasets()
        if self.fold != "all":
            for warning in self._warnings_of_split(list(training.identifiers), list(validation.identifiers)):
                self.print_to_log_file(f"WARNING: {warning}")
        return training, validation

    def _warnings_of_split(self, training: list[str], validation: list[str]) -> list[str]:
        try:
            file = find_patients(Path(self.preprocessed_dataset_folder_base))
            patients = patients_of([*training, *validation], file)
        except InputError as error:
            return [f"Whether patients are in training and validation cannot be told. {error}"]
        mixed = mixing([{"train": training, "val": validation}], patients).get(0, [])
        if not mixed:
            return []
        more = f" and {len(mixed) - _NAMED} more" if len(mixed) > _NAMED else ""
        source = f"They are known by {file}." if file else f"They are known by the names of the cases. {REMEDY}"
        return [
            f"Patients with cases in training and in validation: {', '.join(mixed[:_NAMED])}{more}. The validation "
            f"will look better than it is; nnUNetv2_cipa plan_folds makes folds of whole patients. {source}"
        ]

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, ...]:
        """Configure augmentation as nnU-Net does, and inference as `mirrored_prediction` says."""
        configured: tuple[Any, ...] = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        if not self.mirrored_prediction:
            self.inference_allowed_mirroring_axes = None
        return configured

    def save_checkpoint(self, filename: str) -> None:
        """Write a checkpoint beside its place and move it: a kill or a full disk leaves the one before."""
        unfinished = Path(f"{filename}.unfinished")
        try:
            super().save_checkpoint(str(unfinished))
            if unfinished.exists():  # not so on other ranks, and where checkpoints are disabled
                unfinished.replace(filename)
        finally:
            unfinished.unlink(missing_ok=True)


def seed_this_process(*numbers: int) -> None:
    """Seed torch (all devices), NumPy and Python's `random` by some numbers, none of them negative."""
    state = int(np.random.SeedSequence(numbers).generate_state(1)[0])
    torch.manual_seed(state)
    np.random.seed(state)  # noqa: NPY002 - what nnU-Net draws from
    random.seed(state)
