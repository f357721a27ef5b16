"""A training as a step: nnU-Net's command, resuming from the latest checkpoint that is whole."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.steps import Step

from .experiment import Model


@dataclass(frozen=True)
class TrainingStep(Step):
    """A training of one fold; its output is the fold's folder."""

    def prepare(self) -> None:
        """Make place, and leave only what nnU-Net can resume from.

        What was being written when an earlier attempt was killed is removed. Checkpoints that are not whole are set
        aside, so that nnU-Net takes the one before.
        """
        super().prepare()
        folder = self.output.paths[0]
        for unfinished in folder.glob("*.unfinished"):
            unfinished.unlink()
        for checkpoint in sorted(folder.glob("checkpoint_*.pth")):
            if not is_whole(checkpoint):
                aside = checkpoint.with_name(f"{checkpoint.name}.damaged")
                checkpoint.replace(aside)
                print(f"{checkpoint} is damaged. It is kept as {aside.name}; training resumes from the one before.")

    def launch_command(self) -> list[str]:
        """nnU-Net's command; with `--c` where a training has begun, with `--val` where only validation is missing."""
        command, folder = super().launch_command(), self.output.paths[0]
        if (folder / "checkpoint_final.pth").exists():
            return [*command, "--val"]
        begun = any((folder / f"checkpoint_{name}.pth").exists() for name in ("latest", "best"))
        return [*command, *(["--c"] if begun else [])]


def training_name(model: Model, fold: int) -> str:
    """Name of a training's step."""
    return f"train_{model.name}_fold{fold}"


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint can be read to its end and has the content that it was written with, by its checksums."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, OSError):
        return False
