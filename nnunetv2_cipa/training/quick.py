"""One quick schedule for CIPA and for nnU-Net's own U-Net: a comparison in minutes, on a CPU or in CI.

It shows that a pipeline works and that a network learns; it is far too short for results.
"""

from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunetv2_cipa.training.nnUNetTrainerCIPA import (
    NNUNET_DEVICE,
    nnUNetTrainerCIPA,
    nnUNetTrainerCIPA_noCRM,
    nnUNetTrainerCIPA_noCRMnoDCIM,
    nnUNetTrainerCIPA_noDCIM,
)
from nnunetv2_cipa.training.predicted_once import PredictedOnce
from nnunetv2_cipa.training.seeding import Seeded
from nnunetv2_cipa.training.whole_checkpoints import WholeCheckpoints

EPOCHS = 20
ITERATIONS_PER_EPOCH = 10
VALIDATION_ITERATIONS_PER_EPOCH = 3
EPOCHS_BETWEEN_CHECKPOINTS = 5
LARGEST_BATCH_SIZE = 2


class nnUNetTrainer_quick(PredictedOnce, Seeded, WholeCheckpoints, nnUNetTrainer):
    """nnU-Net's own trainer for 200 iterations of 2 images, without mirroring at inference.

    `checkpoint_latest.pth` is written every 5 epochs, so that an interrupted run can continue (`--c`).
    """

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = NNUNET_DEVICE,
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = EPOCHS
        self.num_iterations_per_epoch = ITERATIONS_PER_EPOCH
        self.num_val_iterations_per_epoch = VALIDATION_ITERATIONS_PER_EPOCH
        self.save_every = EPOCHS_BETWEEN_CHECKPOINTS

    def _set_batch_size_and_oversample(self) -> None:
        super()._set_batch_size_and_oversample()
        self.batch_size: int = min(self.batch_size, LARGEST_BATCH_SIZE)


class nnUNetTrainerCIPA_quick(nnUNetTrainer_quick, nnUNetTrainerCIPA):
    """CIPA on the quick schedule."""


class nnUNetTrainerCIPA_noCRM_quick(nnUNetTrainer_quick, nnUNetTrainerCIPA_noCRM):
    """CIPA without CRM on the quick schedule."""


class nnUNetTrainerCIPA_noDCIM_quick(nnUNetTrainer_quick, nnUNetTrainerCIPA_noDCIM):
    """CIPA without DCIM on the quick schedule."""


class nnUNetTrainerCIPA_noCRMnoDCIM_quick(nnUNetTrainer_quick, nnUNetTrainerCIPA_noCRMnoDCIM):
    """CIPA without CRM and DCIM on the quick schedule."""
