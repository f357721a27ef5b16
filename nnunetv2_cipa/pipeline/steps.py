"""Running commands one after the other, each once: a ledger remembers what is done, so a run can be continued."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from nnunetv2_cipa.errors import InputError

_EPOCH = re.compile(r"Epoch (\d+)\s*$")
_LAST_LINES = 15


@dataclass(frozen=True)
class Step:
    """A command of a run.

    Attributes:
        name: unique in the run, fit for a file name.
        command: program and arguments.
        epochs: of a training, to show progress.
    """

    name: str
    command: Sequence[str]
    epochs: int = 0


class StepRunner:
    """Runs steps in a folder: output goes to `logs/NAME.log`, what is done to `steps.jsonl`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.ledger = folder / "steps.jsonl"
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def run(self, step: Step) -> None:
        """Run a step unless the ledger says that it is done.

        Raises:
            InputError: the command failed; the message names its log and ends with the log's last lines.
        """
        if step.name in self.seconds():
            print(f"{step.name}: done before")
            return
        print(f"{step.name}: {' '.join(step.command)}", flush=True)
        start = time.monotonic()
        log = self.folder / "logs" / f"{step.name}.log"
        code = self._execute(step, log)
        if code != 0:
            last = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])
            raise InputError(f"step {step.name} failed with exit code {code}. The end of {log}:\n{last}")
        self._remember(step, time.monotonic() - start)

    def seconds(self) -> dict[str, float]:
        """Seconds that each finished step took, in the order they were finished."""
        if not self.ledger.exists():
            return {}
        entries = [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]
        return {entry["step"]: entry["seconds"] for entry in entries}

    def _execute(self, step: Step, log: Path) -> int:
        with (
            log.open("a", encoding="utf-8") as file,
            tqdm(total=step.epochs, unit="epoch", disable=step.epochs == 0, file=sys.stdout) as progress,
            subprocess.Popen(
                step.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            ) as process,
        ):
            for line in process.stdout or ():
                file.write(line)
                if match := _EPOCH.search(line):
                    progress.update(int(match[1]) - progress.n)
            code = process.wait()
            progress.update(step.epochs - progress.n if code == 0 else 0)
        return code

    def _remember(self, step: Step, seconds: float) -> None:
        entry = {"step": step.name, "command": list(step.command), "seconds": round(seconds, 1)}
        with self.ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
