"""What a job executes."""

import os
from collections.abc import Mapping
from pathlib import Path

from submitit import JobEnvironment
from submitit.helpers import Checkpointable

from nnunetv2_cipa.steps import Step, run_step


class StepTask(Checkpointable):
    """One step; SLURM may execute it several times, as it requeues jobs that it has preempted or that ran out of time.

    Being checkpointable, it is requeued by submitit when its time ends. A training then goes on from nnU-Net's latest
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
        if not (self.step.beside or self.step.replaces or self.step.resumes):
            self.step.remove_made()
        return run_step(self.step, self.log, {**os.environ, **self.variables})
