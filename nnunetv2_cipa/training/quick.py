"""Quick schedules for CIPA and for nnU-Net's own U-Net: a comparison in minutes, on a CPU or in CI.

They show that a pipeline works and that a network learns; they are far too short for results.
"""

from nnunetv2_cipa.training.base_trainer import BaseTrainer

LARGEST_BATCH_SIZE = 2


class nnUNetTrainer_quick(BaseTrainer):
    """nnU-Net's own trainer for 200 iterations of 2 images, without mirroring at inference.

    `checkpoint_latest.pth` is written every 5 epochs, so that an interrupted run can resume (`--c`).
    """

    epochs = 20
    iterations_per_epoch = 10
    validation_iterations_per_epoch = 3
    epochs_between_checkpoints = 5
    mirrored_prediction = False

    def _set_batch_size_and_oversample(self) -> None:
        super()._set_batch_size_and_oversample()
        self.batch_size: int = min(self.batch_size, LARGEST_BATCH_SIZE)


class nnUNetTrainer_demo(nnUNetTrainer_quick):
    """The quick schedule for longer: 320 iterations of 2 images, after which a network finds most of a phantom."""

    epochs = 16
    iterations_per_epoch = 20
