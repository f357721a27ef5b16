"""Trainers whose schedule stands in the plan: `nnUNetv2_train DATASET 2d FOLD -p nnUNetCIPAPlans -tr ..._planned`.

The plan's configuration says how many epochs of how many iterations there are; `nnUNetv2_cipa plan` writes that. If
NNUNETV2_CIPA_TRAIN_UNTIL is set (seconds since 1970) and the epochs turn out too slow to end by then, the schedule is
shortened while training: the learning rate still falls to its end, and the last epoch ends in time. The schedule is
kept in the checkpoints, so that a training that is resumed has the one it had.
"""

import math
import os
import time
from collections import deque
from typing import Any

import torch
import torch.distributed

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.training.base_trainer import NNUNET_DEVICE, BaseTrainer
from nnunetv2_cipa.training.optimization import require_shortenable, shorten

TRAIN_UNTIL = "NNUNETV2_CIPA_TRAIN_UNTIL"
SCHEDULE = ("num_epochs", "num_iterations_per_epoch", "num_val_iterations_per_epoch")
SECONDS_BETWEEN_CHECKPOINTS = 600.0
_RECENT_EPOCHS = 5


class _ScheduleEnded(Exception):  # noqa: N818 - nothing went wrong
    """Leaves nnU-Net's loop over epochs before the number that it began with."""


class nnUNetTrainer_planned(BaseTrainer):
    """nnU-Net's own trainer on the plan's schedule; `checkpoint_latest.pth` is written every ten minutes.

    Raises:
        InputError: the plan's configuration has no schedule.
    """

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = NNUNET_DEVICE,
    ) -> None:
        planned = plans["configurations"][configuration]
        if missing := [name for name in SCHEDULE if name not in planned]:
            raise InputError(
                f"{plans['plans_name']}, configuration {configuration}, has no {', '.join(missing)}. Make a plan with "
                "a schedule by nnUNetv2_cipa plan and name it with -p nnUNetCIPAPlans."
            )
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = (
            int(planned[name]) for name in SCHEDULE
        )
        self._until = float(os.environ.get(TRAIN_UNTIL, "inf"))
        self._epoch_starts: deque[float] = deque(maxlen=_RECENT_EPOCHS + 1)
        self._saved = time.monotonic()

    def initialize(self) -> None:
        """Initialise as nnU-Net does, and refuse a deadline for a learning rate that could not be made to keep it.

        Raises:
            InputError: there is a deadline, and the trainer's learning rate schedule cannot be shortened.
        """
        super().initialize()
        if math.isfinite(self._until):
            require_shortenable(self.lr_scheduler)

    def run_training(self) -> None:
        """Train until the schedule ends, wherever it ended when training began."""
        try:
            super().run_training()
        except _ScheduleEnded:
            self.on_train_end()

    def on_epoch_start(self) -> None:
        """Shorten the schedule to what can still be done in time, and leave it if that is no epoch more."""
        self._epoch_starts.append(time.monotonic())
        possible = self._possible_epochs()
        if possible < self.num_epochs:
            self.print_to_log_file(f"The time that is left is enough for {possible} of {self.num_epochs} epochs.")
            self._set_epochs(possible)
        if self.current_epoch >= self.num_epochs:
            raise _ScheduleEnded
        super().on_epoch_start()

    def on_epoch_end(self) -> None:
        """As nnU-Net does, but `checkpoint_latest.pth` is written by the clock."""
        due = time.monotonic() - self._saved >= SECONDS_BETWEEN_CHECKPOINTS
        self.save_every = 1 if due else self.num_epochs + 1
        if due:
            self._saved = time.monotonic()
        super().on_epoch_end()

    def load_checkpoint(self, filename_or_checkpoint: dict[str, Any] | str) -> None:
        """Load the schedule, too."""
        super().load_checkpoint(filename_or_checkpoint)
        stored = int(self._stored_configuration()["num_epochs"])
        if stored != self.num_epochs:
            self._set_epochs(stored)

    def _possible_epochs(self) -> int:
        """Epochs that there can be in all, at the pace of the last ones: one at least; the same on all ranks."""
        left = self._until - time.time()
        possible = float(self.num_epochs)
        if len(self._epoch_starts) > 1:
            pace = (self._epoch_starts[-1] - self._epoch_starts[0]) / (len(self._epoch_starts) - 1)
            possible = self.current_epoch + max(0.0, left / pace)
        elif left <= 0:
            possible = self.current_epoch
        agreed = [max(1, math.floor(min(possible, self.num_epochs)))]
        if self.is_ddp:
            torch.distributed.broadcast_object_list(agreed, src=0)
        return agreed[0]

    def _set_epochs(self, epochs: int) -> None:
        """Change the schedule's length here, in the learning rate and in what goes into checkpoints."""
        shorten(self.lr_scheduler, epochs)
        self.num_epochs = epochs
        self._stored_configuration()["num_epochs"] = epochs

    def _stored_configuration(self) -> dict[str, Any]:
        arguments = self.my_init_kwargs
        stored: dict[str, Any] = arguments["plans"]["configurations"][arguments["configuration"]]
        return stored
