"""The trainers of `benchmarks/real_comparison.py`, which names this folder in nnUNet_extTrainer.

Their schedule is the plan's. Images are predicted once, without mirroring, and only the final checkpoint and that of
every ten minutes are written: the best one is not used.
"""

from pathlib import Path

from nnunetv2_cipa.training.planned import nnUNetTrainer_planned
from nnunetv2_cipa.training.trainers import nnUNetTrainerCIPA


class nnUNetTrainer_compared(nnUNetTrainer_planned):
    """nnU-Net's own U-Net."""

    mirrored_prediction = False

    def save_checkpoint(self, filename: str) -> None:
        """Write all checkpoints but the best one, which would be written in most of such short epochs."""
        if Path(filename).name != "checkpoint_best.pth":
            super().save_checkpoint(filename)


class nnUNetTrainerCIPA_compared(nnUNetTrainer_compared, nnUNetTrainerCIPA):
    """CIPA-tiny."""


class nnUNetTrainerCIPA_noCRM_compared(nnUNetTrainer_compared, nnUNetTrainerCIPA):
    """CIPA-tiny without CRM."""

    use_crm = False


class nnUNetTrainerCIPA_noDCIM_compared(nnUNetTrainer_compared, nnUNetTrainerCIPA):
    """CIPA-tiny without DCIM."""

    use_dcim = False
