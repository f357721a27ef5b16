"""Checkpoints that are whole or not there."""

from pathlib import Path


class WholeCheckpoints:
    """For trainers: checkpoints are written beside their place and moved; a kill or full disk leaves the one before."""

    def save_checkpoint(self, filename: str) -> None:
        """Write a checkpoint, and replace an earlier one of the name when it is complete."""
        unfinished = Path(f"{filename}.unfinished")
        try:
            super().save_checkpoint(str(unfinished))  # type: ignore[misc]  # that of the trainer
            if unfinished.exists():  # not so on other ranks, and where checkpoints are disabled
                unfinished.replace(filename)
        finally:
            unfinished.unlink(missing_ok=True)
