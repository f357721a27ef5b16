"""Where steps are executed: here, as processes; anything with `submit` can take their place, such as a queue."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psutil

from .step import Step

MARK = "NNUNETV2_CIPA_RUN"
"""Environment variable that marks the processes of a run, and theirs, with its folder."""

SECONDS_TO_END = 10.0


class Job(Protocol):
    """A step that was started."""

    def poll(self) -> int | None:
        """Exit code of the step, once what it makes is in its place; None as long as it runs."""

    def stop(self) -> None:
        """End it with everything it has started; return when nothing of it is left."""


class Executor(Protocol):
    """Something that executes steps, at most `capacity` at a time."""

    capacity: int

    def submit(self, step: Step, log: Path, environment: Mapping[str, str]) -> Job:
        """Start a step whose output is to be appended to `log`."""


class LocalExecutor:
    """Executes steps as processes of this machine, one at a time."""

    capacity = 1

    def submit(self, step: Step, log: Path, environment: Mapping[str, str]) -> "LocalJob":
        """Start the step's command."""
        return LocalJob(step, log, environment)


class LocalJob:
    """A process, in a group of its own."""

    def __init__(self, step: Step, log: Path, environment: Mapping[str, str]) -> None:
        step.prepare()
        self._step = step
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                step.launch_command(),
                env={**environment, **step.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._exit_code: int | None = None

    def poll(self) -> int | None:
        """Exit code once the command has ended and what it made is in its place."""
        if self._exit_code is None and (code := self._process.poll()) is not None:
            if code == 0:
                self._step.output.finish()
            self._exit_code = code
        return self._exit_code

    def stop(self) -> None:
        """Ask the whole group to end, and after ten seconds make it."""
        _signal_group(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        _signal_group(self._process.pid, signal.SIGKILL)
        self._process.wait()
        limit = time.monotonic() + SECONDS_TO_END  # the others die a moment later
        while _is_alive(self._process.pid) and time.monotonic() < limit:
            time.sleep(0.01)


def run_step(step: Step, log: Path, environment: Mapping[str, str]) -> int:
    """Execute a step from start to end, as on a machine of a cluster, and return its exit code."""
    job = LocalJob(step, log, environment)
    try:
        while (code := job.poll()) is None:
            time.sleep(0.2)
    except BaseException:
        job.stop()
        raise
    return code


def end_leftovers(folder: Path) -> list[int]:
    """End processes that a killed run in this folder has left on this machine; return their ids."""
    marked = [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(MARK) == str(folder) and process.pid != os.getpid()
    ]
    for process in marked:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(marked, timeout=SECONDS_TO_END)
    return [process.pid for process in marked]


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _is_alive(group: int) -> bool:
    """Whether a process of the group has still not ended."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False
