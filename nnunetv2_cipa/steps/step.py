"""A step: one command, what it needs and what it makes."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One command of a run; it can be pickled and so be started on another machine.

    Attributes:
        name: unique in the run, fit for a file name.
        command: program and those arguments that decide the result.
        options: arguments that do not decide the result, such as a device or a number of processes.
        needs: names of the steps that must be done before.
        reads: files and folders of the user's whose content decides the result.
        makes: files and folders that it leaves. They are the run's own, and removed before the step starts anew.
        beside: the single thing it makes is written elsewhere and moved when the command has succeeded; arguments that
            name it are replaced accordingly.
        replaces: the command itself leaves what is there until it has something complete to put in its place.
        proof: files and folders that are there when it is done, with the sizes they have then (default: `makes`).
        resumes: it goes on from what an interrupted attempt has left, if that had the same inputs.
        environment: variables that decide the result, too.
        epochs: of a training, to show progress.
    """

    name: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reads: tuple[Path, ...] = ()
    makes: tuple[Path, ...] = ()
    beside: bool = False
    replaces: bool = False
    proof: tuple[Path, ...] = ()
    resumes: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    epochs: int = 0

    def __post_init__(self) -> None:
        if self.beside and len(self.makes) != 1:
            raise ValueError(f"step {self.name}: what is written beside must be one thing, not {len(self.makes)}")

    @property
    def proves(self) -> tuple[Path, ...]:
        """What must be there, as it was, for the step to count as done."""
        return self.proof or self.makes

    def launch_command(self) -> list[str]:
        """Program and arguments as they are now to be executed."""
        words = [*self.command, *self.options]
        return [str(self._unfinished()) if self.beside and word == str(self.makes[0]) else word for word in words]

    def remove_made(self) -> None:
        """Remove what an earlier attempt has made."""
        for path in self.makes:
            _remove(path)

    def prepare(self) -> None:
        """Make place for what is going to be made; half-made things of an earlier attempt go."""
        for path in self.makes:
            path.parent.mkdir(parents=True, exist_ok=True)
        if self.beside:
            _remove(self._unfinished().parent)
            self._unfinished().parent.mkdir()

    def finish(self) -> None:
        """Move what was written beside into its place, if the command has made it."""
        if self.beside and self._unfinished().exists():
            _remove(self.makes[0])
            self._unfinished().rename(self.makes[0])
            self._unfinished().parent.rmdir()

    def _unfinished(self) -> Path:
        made = self.makes[0]
        return made.parent / f".{made.name}.unfinished" / made.name


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
