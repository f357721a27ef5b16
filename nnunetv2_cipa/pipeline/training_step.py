"""A training as a step: nnU-Net's command, going on from the latest checkpoint that is whole."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.steps import Step

_CHUNK = 2**20


@dataclass(frozen=True)
class TrainingStep(Step):
    """A training of one fold; its `makes` is the fold's folder.

    Attributes:
        trainer: class name.
        fold: number.
    """

    trainer: str = ""
    fold: int = 0

    def prepare(self) -> None:
        """Make place, and remove what was being written when an earlier attempt was killed."""
        super().prepare()
        for unfinished in self.makes[0].glob("*.unfinished"):
            unfinished.unlink()

    def launch_command(self) -> list[str]:
        """nnU-Net's command; with `--c` where a training has begun, with `--val` where only validation is missing.

        Checkpoints that are not whole are set aside first, so that nnU-Net takes the one before.
        """
        folder = self.makes[0]
        for checkpoint in sorted(folder.glob("checkpoint_*.pth")):
            if not is_whole(checkpoint):
                aside = checkpoint.with_name(f"{checkpoint.name}.damaged")
                checkpoint.replace(aside)
                print(f"{checkpoint} is damaged. It is kept as {aside.name}; training goes on from the one before.")
        if (folder / "checkpoint_final.pth").exists():
            return [*super().launch_command(), "--val"]
        begun = any((folder / f"checkpoint_{name}.pth").exists() for name in ("latest", "best"))
        return [*super().launch_command(), *(["--c"] if begun else [])]


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint can be read to its end and has the content that it was written with, by its checksums."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, OSError):
        return False
