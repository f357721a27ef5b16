"""Running steps in the order of their needs, each once, and writing down what becomes of them."""

import contextlib
import errno
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tqdm import tqdm

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.processes import last_lines
from nnunetv2_cipa.timing.work import Training

from .executor import MARK, Executor, Job, end_leftovers
from .state import DoneSteps, Result, sizes
from .step import Step, Writing

LAST_LINES = 30
LITTLE_SPACE = 10**9
POLL_SECONDS = 0.2
TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
_EPOCH = re.compile(rb"Epoch (\d+)\s*$", re.MULTILINE)

EnvironmentOf = Callable[[Step, Sequence[Step]], Mapping[str, str]]
"""Variables for a step that do not decide its result, from the step and all that are not done yet, itself included."""


class StoppedBySignal(SystemExit):
    """The run was asked to end; the exit code is 128 plus the signal's number."""


class TimeIsUp(SystemExit):
    """The deadline came before the end; the exit code is 75: another attempt resumes."""


def _nothing(step: Step, undone: Sequence[Step]) -> Mapping[str, str]:
    return {}


class EpochBar:
    """Follows `Epoch N` in a log, from where the log ended when this was made; for steps without epochs, nothing."""

    def __init__(self, step: Step, log: Path) -> None:
        self._log = log
        self._epochs = step.work.schedule.num_epochs if isinstance(step.work, Training) else 0
        self._read = log.stat().st_size if log.exists() else 0
        self._bar = tqdm(total=self._epochs, unit="epoch", desc=step.name, disable=self._epochs == 0, file=sys.stdout)

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


@dataclass
class _Running:
    step: Step
    key: str
    job: Job
    log: Path
    bar: EpochBar
    start: float


@dataclass
class _Work:
    """Where a run stands.

    Attributes:
        undone: steps that are not done, failed and running ones included, by name.
        running: the running ones.
        faults: what is to be said about each that failed.
    """

    undone: dict[str, Step]
    running: dict[str, _Running] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def ready(self) -> list[Step]:
        """Steps that can be started."""
        idle = [step for name, step in self.undone.items() if name not in self.running and name not in self.faults]
        return [step for step in idle if not self.undone.keys() & set(step.needs)]


class Runner:
    """Runs steps in a folder: output goes to `logs/NAME.log`, starts and ends to `steps.jsonl`.

    The caller holds the folder's lock (`locked`). Processes that a killed run has left there are ended first.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], executor: Executor, *, deadline: float | None = None
    ) -> None:
        """Prepare a run.

        Args:
            folder: of the run.
            environment: of all steps.
            executor: executes them.
            deadline: when everything is stopped, in seconds since 1970.
        """
        self.folder = folder
        self.done = DoneSteps(folder)
        self.ledger = self.done.ledger
        self._environment = {**environment, MARK: str(folder)}
        self._executor = executor
        self._deadline = deadline
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        if left := end_leftovers(folder):
            print(f"Ended {len(left)} processes that an earlier run has left.")

    def run(self, steps: Sequence[Step], environment_of: EnvironmentOf = _nothing) -> None:
        """Run the steps that are not done. If one fails, those that do not need it are run nevertheless.

        Steps that are needed but not among `steps` must be done.

        Raises:
            InputError: steps failed; the message names their logs and ends with the logs' last lines.
            StoppedBySignal: SIGTERM or SIGINT came.
            TimeIsUp: the deadline came.
        """
        work = _Work({step.name: step for step in steps})
        with _signals_raise():
            try:
                while work.running or work.ready():
                    for step in work.ready()[: self._executor.capacity - len(work.running)]:
                        self._begin(step, work, environment_of)
                    self._look_after(work)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                raise InputError(f"No space is left for {self.folder}. Make some, and start the same again.") from error
            finally:
                for running in work.running.values():
                    running.job.stop()
                    with contextlib.suppress(OSError):  # on a full disk: what has no end in the ledger is not done
                        self._end(running, "stopped", None)
        if work.faults:
            raise InputError("\n".join(work.faults.values()))

    def _begin(self, step: Step, work: _Work, environment_of: EnvironmentOf) -> None:
        if step in self.done:
            print(f"{step.name}: done before")
            del work.undone[step.name]
            return
        key, inputs = self.done.key(step)
        self._refuse_foreign(step, key)
        print(f"{step.name}: {' '.join((*step.command, *step.options))}", flush=True)
        self.ledger.started(step.name, key, inputs, (*step.command, *step.options))
        log = self.folder / "logs" / f"{step.name}.log"
        bar, start = EpochBar(step, log), time.monotonic()
        variables = {**self._environment, **environment_of(step, list(work.undone.values()))}
        job = self._executor.submit(step, log, variables)
        work.running[step.name] = _Running(step, key, job, log, bar, start)

    def _look_after(self, work: _Work) -> None:
        """Wait a moment, then see what has ended."""
        if not work.running:
            return
        time.sleep(POLL_SECONDS)
        for name, running in list(work.running.items()):
            running.bar.update()
            if (code := running.job.poll()) is None:
                continue
            del work.running[name]
            missing = [path for path in running.step.output.proof if not path.exists()]
            self._end(running, "failed" if code or missing else "done", code)
            if code or missing:
                work.faults[name] = _fault(running, code, missing)
            else:
                del work.undone[name]
        if self._deadline is not None and time.time() > self._deadline and work.running:
            print(f"Time is up during {', '.join(work.running)}. Start the same again to resume.", file=sys.stderr)
            raise TimeIsUp(TRY_AGAIN)

    def _end(self, running: _Running, result: Result, code: int | None) -> None:
        running.bar.close(done=result == "done")
        proof = sizes(running.step.output.proof) if result == "done" else None
        seconds = time.monotonic() - running.start
        self.ledger.ended(running.step.name, running.key, result, exit_code=code, seconds=seconds, proof=proof)

    def _refuse_foreign(self, step: Step, key: str) -> None:
        """Remove what is not to be resumed, as it was made from other inputs.

        Raises:
            InputError: there is something that this run has not made.
        """
        last = self.ledger.last_start(step.name)
        if last is None:
            foreign = [str(path) for path in step.output.paths if path.exists()]
            if foreign:
                raise InputError(
                    f"step {step.name} would write {', '.join(foreign)}, which is there already and not of this run. "
                    "Move it away, or choose another folder."
                )
        elif step.output.writing is Writing.RESUMED and last["key"] != key:
            step.output.remove()


def _fault(running: _Running, code: int, missing: Sequence[Path]) -> str:
    """What the user is told about a step that failed."""
    name, log = running.step.name, running.log
    reason = f"failed with exit code {code}" if code else f"ended without leaving {', '.join(map(str, missing))}"
    if code == -signal.SIGKILL:
        reason = "was killed (SIGKILL), as the system does with what takes too much memory"
    if (free := shutil.disk_usage(log.parent).free) < LITTLE_SPACE:
        reason += f", and only {free / 1e6:.0f} MB are free on the disk"
    last = last_lines(log.read_text(encoding="utf-8", errors="replace"), LAST_LINES)
    return f"step {name} {reason}. Start the same again to resume from there. The end of {log}:\n{last}"


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """While in here, SIGTERM and SIGINT raise StoppedBySignal, once: what they interrupt is then ended in peace."""

    def stop(number: int, frame: FrameType | None) -> None:
        for other in (signal.SIGTERM, signal.SIGINT):
            signal.signal(other, signal.SIG_IGN)
        print(f"\nStopped by {signal.Signals(number).name}. Start the same again to resume.", file=sys.stderr)
        raise StoppedBySignal(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
