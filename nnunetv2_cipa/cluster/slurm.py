"""Steps as SLURM jobs: those that are ready together become one array."""

import hashlib
import os
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import submitit
from submitit import JobEnvironment
from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.helpers import Checkpointable

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import Step, run_step

from .queue import SlurmQueue

SECONDS_TO_CANCEL = 300.0
POLLS_UNTIL_SEEN = 12  # a minute: network file systems show new files after half of that at the latest
REQUEUES = 1000  # at the end of a job's time; a long training may need many


@dataclass(frozen=True)
class Resources:
    """What a job asks for; None leaves it to the cluster.

    Attributes:
        partition: To submit to.
        gpus: For steps that run on CUDA; other steps get none.
        cpus: Cores.
        memory: In GB.
        minutes: After which a job is ended, and requeued if it was not done.
    """

    minutes: int
    partition: str | None = None
    gpus: int = 1
    cpus: int | None = None
    memory: int | None = None


class SlurmExecutor:
    """Submits steps to SLURM. The folder must be on a file system that all nodes share.

    Jobs that an earlier, killed process has left in the queue for this folder are cancelled first.
    """

    def __init__(
        self, folder: Path, resources: Resources, *, capacity: int = 32, retries: int = 2, poll_seconds: float = 5.0
    ) -> None:
        """Connect to SLURM.

        Args:
            folder: of the run.
            resources: of each job.
            capacity: how many jobs there may be at a time.
            retries: how often a job is submitted again that died without its command having failed.
            poll_seconds: between two questions to the controller.

        Raises:
            InputError: there is no SLURM here.
        """
        self.capacity = capacity
        self.retries = retries
        self.poll_seconds = poll_seconds
        name = f"cipa-{hashlib.sha256(str(folder).encode()).hexdigest()[:10]}"
        self.queue = SlurmQueue(name, poll_seconds)
        self._resources = resources
        self._waiting: list[SlurmJob] = []
        try:
            self._submitit = submitit.SlurmExecutor(folder / "cluster", max_num_timeout=REQUEUES)
        except RuntimeError as error:
            raise InputError("SLURM's srun is not on the PATH. Start this on a node where sbatch works.") from error
        if left := self.queue.unfinished():
            print(f"Cancelling {len(left)} jobs that an earlier run has left: {', '.join(left)}.")
            self.queue.cancel(left, SECONDS_TO_CANCEL)

    def submit(self, step: Step, log: Path, environment: Mapping[str, str]) -> "SlurmJob":
        """Have a step submitted, together with all others that are before any of their jobs is polled."""
        log.touch()
        variables = {name: value for name, value in environment.items() if os.environ.get(name) != value}
        job = SlurmJob(self, StepTask(step, log, variables))
        self._waiting.append(job)
        return job

    def flush(self) -> None:
        """Submit what waits: one array for the steps that need GPUs, and one for those that don't.

        Raises:
            InputError: SLURM refuses them.
        """
        waiting, self._waiting = self._waiting, []
        for gpus in sorted({self._gpus(job.task.step) for job in waiting}):
            jobs = [job for job in waiting if self._gpus(job.task.step) == gpus]
            self._submitit.update_parameters(**self._parameters(gpus))
            try:
                with self._submitit.batch():
                    submitted = [self._submitit.submit(job.task) for job in jobs]
            except (FailedJobError, FailedSubmissionError) as error:
                raise InputError(f"SLURM takes no such job. {error}") from error
            for job, one in zip(jobs, submitted, strict=True):
                job.submitted = one
                job.note(f"SLURM job {one.job_id}")
        self.queue.forget()

    def forget(self, job: "SlurmJob") -> None:
        """Do not submit a job that still waits."""
        self._waiting = [other for other in self._waiting if other is not job]

    def again(self, job: "SlurmJob") -> None:
        """Submit a job that has died once more."""
        job.submitted = None
        self._waiting.append(job)

    def _gpus(self, step: Step) -> int:
        return self._resources.gpus if step.work.gpu else 0

    def _parameters(self, gpus: int) -> dict[str, Any]:
        wanted = {
            "partition": self._resources.partition,
            "gpus_per_node": gpus or None,
            "cpus_per_task": self._resources.cpus,
            "mem": None if self._resources.memory is None else f"{self._resources.memory}GB",
        }
        return {
            "job_name": self.queue.job_name,
            "time": self._resources.minutes,
            "array_parallelism": self.capacity,
            "additional_parameters": {"requeue": True},
            **wanted,
        }


class StepTask(Checkpointable):
    """One step; SLURM may execute it several times, as it requeues jobs that it has preempted or that ran out of time.

    Being checkpointable, it is requeued by submitit when its time ends. A training then resumes from nnU-Net's latest
    checkpoint, anything else starts anew.
    """

    def __init__(self, step: Step, log: Path, variables: Mapping[str, str]) -> None:
        """Prepare a task.

        Args:
            step: to be executed.
            log: that its output is appended to.
            variables: environment variables, in addition to the job's own.
        """
        self.step = step
        self.log = log
        self.variables = dict(variables)

    def __call__(self) -> int:
        """Execute the step and return its exit code."""
        JobEnvironment().paths.result_pickle.unlink(missing_ok=True)  # that of an attempt before a requeue
        return run_step(self.step, self.log, {**os.environ, **self.variables})


class SlurmJob:
    """A step that was handed to SLURM."""

    def __init__(self, executor: SlurmExecutor, task: StepTask) -> None:
        self.task = task
        self.submitted: submitit.Job[int] | None = None
        self._executor = executor
        self._attempts = 1
        self._over_since: float | None = None

    def poll(self) -> int | None:
        """Exit code once the job is over; None as long as it waits, runs, is requeued or submitted again."""
        self._executor.flush()
        if self.submitted is None or not self._executor.queue.is_over(self.submitted.job_id):
            self._over_since = None
            return None
        outcome = self._outcome()
        left = outcome is not None and (outcome != 0 or all(path.exists() for path in self.task.step.output.proof))
        if not left and self._may_still_arrive():
            return None
        if outcome is not None and outcome >= 0:
            return outcome
        return self._died(outcome)

    def stop(self) -> None:
        """Cancel the job and wait until it is gone."""
        self._executor.forget(self)
        if self.submitted is not None:
            self._executor.queue.cancel([self.submitted.job_id], SECONDS_TO_CANCEL)

    def note(self, text: str) -> None:
        """Write a line of our own into the step's log."""
        with self.task.log.open("a", encoding="utf-8") as log:
            log.write(f"[{time.strftime('%Y-%m-%d %H:%M:%S')} cluster] {text}\n")

    def _outcome(self) -> int | None:
        """Exit code of the step, negative if a signal has ended it; None if the job has left none."""
        assert self.submitted is not None
        if not self.submitted.paths.result_pickle.exists():
            return None
        try:
            return int(self.submitted.result())
        except submitit.core.utils.FailedJobError:
            self.note(traceback.format_exc())
            return 1

    def _may_still_arrive(self) -> bool:
        """Whether this machine may not see yet what the job has left, through a network file system."""
        now = time.monotonic()
        self._over_since = self._over_since or now
        return now - self._over_since < POLLS_UNTIL_SEEN * self._executor.poll_seconds

    def _died(self, signal: int | None) -> int | None:
        """Submit the job again, or give up."""
        assert self.submitted is not None
        job, state = self.submitted.job_id, self._executor.queue.state(self.submitted.job_id)
        reason = f"SLURM job {job} died ({state}{'' if signal is None else f', signal {-signal}'})"
        if self._attempts > self._executor.retries:
            self.note(f"{reason}, as {self._attempts - 1} before; {self.submitted.paths.stderr} may tell why")
            return signal or 1
        self._attempts += 1
        self._over_since = None
        self.note(f"{reason}; attempt {self._attempts}")
        print(f"{self.task.step.name}: {reason}; attempt {self._attempts}", file=sys.stderr)
        self._executor.again(self)
        return None
