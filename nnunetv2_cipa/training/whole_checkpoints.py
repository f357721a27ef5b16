"""Checkpoints that are whole or not there."""

from pathlib import Path

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class WholeCheckpoints(nnUNetTrainer):
    """Writes checkpoints beside their place and moves them, so that a kill or a full disk leaves the one before."""

    def save_checkpoint(self, filename: str) -> None:
        """Write a checkpoint, and replace an earlier one of the name when it is complete."""
        unfinished = Path(f"{filename}.unfinished")
        try:
            super().save_checkpoint(str(unfinished))
            if unfinished.exists():  # not so on other ranks, and where checkpoints are disabled
                unfinished.replace(filename)
        finally:
            unfinished.unlink(missing_ok=True)
