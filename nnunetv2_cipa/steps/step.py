"""A step: one command, what it needs, what it has to do and what it leaves."""

import enum
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2_cipa.timing.work import Work


class Writing(enum.Enum):
    """How a command writes what it makes.

    ANEW: in its place; what an earlier attempt has left there is removed before.
    BESIDE: elsewhere, as the arguments that name it are replaced; it is moved when the command has succeeded.
    REPLACED: the command itself leaves what is there until it has something complete to put in its place.
    RESUMED: in its place, resuming from what an interrupted attempt with the same inputs has left.
    """

    ANEW = enum.auto()
    BESIDE = enum.auto()
    REPLACED = enum.auto()
    RESUMED = enum.auto()


@dataclass(frozen=True)
class Output:
    """Files and folders that a step leaves. They are the run's own.

    Attributes:
        paths: where they are.
        writing: how they come there; only a single path can be written beside.
        proof: those that must be there, with the sizes they had, for the step to count as done (default: `paths`).
    """

    paths: tuple[Path, ...] = ()
    writing: Writing = Writing.ANEW
    proof: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not self.proof:
            object.__setattr__(self, "proof", self.paths)
        if self.writing is Writing.BESIDE and len(self.paths) != 1:
            raise ValueError(f"what is written beside must be one thing, not {len(self.paths)}")

    @property
    def unfinished(self) -> Path:
        """Where a single path is written when it is written beside."""
        return self.paths[0].parent / f".{self.paths[0].name}.unfinished" / self.paths[0].name

    def remove(self) -> None:
        """Remove what an earlier attempt has left."""
        for path in self.paths:
            _remove(path)

    def prepare(self) -> None:
        """Make place for what is going to be made; half-made things of an earlier attempt go."""
        if self.writing is Writing.ANEW:
            self.remove()
        for path in self.paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        if self.writing is Writing.BESIDE:
            _remove(self.unfinished.parent)
            self.unfinished.parent.mkdir()

    def finish(self) -> None:
        """Move what was written beside into its place, if the command has made it."""
        if self.writing is Writing.BESIDE and self.unfinished.exists():
            self.remove()
            self.unfinished.rename(self.paths[0])
            self.unfinished.parent.rmdir()


@dataclass(frozen=True)
class Step:
    """One command of a run; it can be pickled and so be started on another machine.

    Attributes:
        name: unique in the run, fit for a file name.
        command: program and those arguments that decide the result.
        options: arguments that do not decide the result, such as a device or a number of processes.
        needs: names of the steps that must be done before.
        reads: files and folders of the user's whose content decides the result.
        output: what it leaves.
        work: what it has to do.
        environment: variables that decide the result, too.
    """

    name: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reads: tuple[Path, ...] = ()
    output: Output = Output()
    work: Work = field(default_factory=Work)
    environment: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make everything ready for the command."""
        self.output.prepare()

    def launch_command(self) -> list[str]:
        """Program and arguments as they are to be executed once everything is ready."""
        words = [*self.command, *self.options]
        if self.output.writing is not Writing.BESIDE:
            return words
        return [str(self.output.unfinished) if word == str(self.output.paths[0]) else word for word in words]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
