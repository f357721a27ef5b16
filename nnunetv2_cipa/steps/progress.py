"""A bar for the epochs of a training, read from its log."""

import re
import sys
from pathlib import Path

from tqdm import tqdm

from .step import Step

_EPOCH = re.compile(rb"Epoch (\d+)\s*$", re.MULTILINE)


class EpochBar:
    """Follows `Epoch N` in a log, from where the log ended when this was made; for steps without epochs, nothing."""

    def __init__(self, step: Step, log: Path) -> None:
        self._log, self._epochs = log, step.epochs
        self._read = log.stat().st_size if log.exists() else 0
        self._bar = tqdm(total=step.epochs, unit="epoch", desc=step.name, disable=step.epochs == 0, file=sys.stdout)

    def update(self) -> None:
        """Show how far it is."""
        if self._bar.disable:
            return
        with self._log.open("rb") as file:
            file.seek(self._read)
            whole_lines = file.read().rpartition(b"\n")
        text = b"".join(whole_lines[:2])
        self._read += len(text)
        if epochs := _EPOCH.findall(text):
            self._bar.update(int(epochs[-1]) - self._bar.n)

    def close(self, *, done: bool) -> None:
        """Take the bar away; that of a finished training is full."""
        if done and not self._bar.disable:
            self._bar.update(self._epochs - self._bar.n)
        self._bar.close()
