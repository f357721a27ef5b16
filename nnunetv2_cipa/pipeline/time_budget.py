"""Who may take how long, when a run has a time budget."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.planning.schedule import MARGIN, Schedule, Timings, Workload, seconds_after_trainings
from nnunetv2_cipa.planning.timing import CONFIGURATION, timings_from_content

from .training_step import TrainingStep


@dataclass(frozen=True)
class PlannedTimes:
    """The schedule of a plan, and what was measured of each trainer for it, if anything was."""

    schedule: Schedule
    measured: Mapping[str, Timings]

    def timings(self, trainer: str) -> Timings:
        """What a trainer takes; one that was not measured is taken for as slow as the slowest."""
        slowest = max(self.measured.values(), key=self.schedule.seconds)
        return self.measured.get(trainer, slowest)


def read_planned_times(plans_file: Path) -> PlannedTimes:
    """Read the schedule and the measured seconds from a plans file of `nnUNetv2_cipa plan`."""
    plans = json.loads(plans_file.read_text(encoding="utf-8"))
    configuration = plans["configurations"][CONFIGURATION]
    schedule = Schedule(**{name: configuration[name] for name in Schedule().content()})
    return PlannedTimes(schedule, timings_from_content(plans["cipa"].get("measured_seconds", {})))


class TimeBudget:
    """Shares the time until a deadline among the trainings that are left, and keeps what must come after them."""

    def __init__(self, deadline: float, plan: PlannedTimes, workload: Workload, parallel: int = 1) -> None:
        """Take notice of what there is.

        Args:
            deadline: seconds since 1970.
            plan: what the plan says about times.
            workload: of each trainer.
            parallel: trainings at a time.
        """
        self._deadline, self._plan, self._workload, self._parallel = deadline, plan, workload, parallel

    def train_until(self, step: TrainingStep, undone: Sequence[TrainingStep]) -> float:
        """When the epochs of a training must have ended, in seconds since 1970.

        Half of the margin that was planned stays, so that the schedule is shortened only if the machine is slower than
        it was when measured.

        Args:
            step: to be started.
            undone: trainings that are not done, `step` included.
        """
        cases = self._workload.validation_cases / self._workload.folds
        timings = {other.name: self._plan.timings(other.trainer) for other in undone}
        around = sum(timing.start + timing.prediction_start + cases * timing.case for timing in timings.values())
        after = seconds_after_trainings(self._plan.measured, self._workload)
        parallel = min(self._parallel, len(undone))
        now = time.time()
        free = (self._deadline - now) * (1 - MARGIN / 2) - after - around / parallel
        epochs = {name: self._plan.schedule.seconds(timing) for name, timing in timings.items()}
        share = min(1.0, parallel * epochs[step.name] / sum(epochs.values()))
        return now + timings[step.name].start + max(0.0, free) * share
