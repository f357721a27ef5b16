"""A time for a whole run: the longest schedule that fits it, and until when each training may take."""

import math
import time
from collections.abc import Sequence

from nnunetv2_cipa.errors import InputError

from .work import NNUNET_EPOCHS, NNUNET_ITERATIONS, Schedule, Times, Training, Work, duration

FEWEST_EPOCHS = 20
"""So that the learning rate falls in steps, and an interrupted training loses little."""

MARGIN = 0.1


def choose_schedule(works: Sequence[Work], times: Times, seconds: float) -> Schedule:
    """The longest schedule with which all works end in time, ten percent of it left over.

    It is the same for all trainings. Epochs are nnU-Net's, 250 iterations and 50 for validation, as long as there are
    at least 20 of them, and shorter else.

    Args:
        works: everything that is still to be done, at least one training among it.
        times: of the trainers.
        seconds: for everything.

    Raises:
        InputError: the time is too short even for 20 iterations.
    """
    trainings = [times.of(work.trainer) for work in works if isinstance(work, Training)]

    def epochs_of_all(schedule: Schedule) -> float:
        return sum(schedule.seconds(timings) for timings in trainings)

    besides = sum(work.seconds_besides_epochs(times) for work in works)
    left = seconds * (1 - MARGIN) - besides
    if (epochs := math.floor(left / epochs_of_all(Schedule(1)))) >= FEWEST_EPOCHS:
        return Schedule(min(epochs, NNUNET_EPOCHS))
    for iterations in range(NNUNET_ITERATIONS, 0, -1):
        schedule = Schedule(FEWEST_EPOCHS, iterations, math.ceil(iterations / 5))
        if epochs_of_all(schedule) <= left:
            return schedule
    needed = (besides + epochs_of_all(schedule)) / (1 - MARGIN)
    raise InputError(
        f"{duration(seconds)} are too short: {FEWEST_EPOCHS} iterations of every training, validation and prediction "
        f"take {duration(needed)} here. Give more time, or fewer trainers, folds or seeds."
    )


class TimeBudget:
    """Shares the time until a deadline among the trainings that are left, and keeps what must come after them."""

    def __init__(self, deadline: float, times: Times, after: Sequence[Work], parallel: int = 1) -> None:
        """Take notice of what there is.

        Args:
            deadline: seconds since 1970.
            times: of the trainers.
            after: what is to be done after the trainings.
            parallel: trainings at a time.
        """
        self._deadline, self._times, self._parallel = deadline, times, parallel
        self._after = sum(work.seconds(times) for work in after)

    def train_until(self, training: Training, undone: Sequence[Training]) -> float:
        """When the epochs of a training must have ended, in seconds since 1970.

        Half of the margin that was planned stays, so that the schedule is shortened only if the machine is slower than
        it was when measured.

        Args:
            training: to be started.
            undone: trainings that are not done, `training` included.
        """
        around = sum(other.seconds_besides_epochs(self._times) for other in undone)
        epochs = [other.schedule.seconds(self._times.of(other.trainer)) for other in undone]
        timings = self._times.of(training.trainer)
        parallel = min(self._parallel, len(undone))
        now = time.time()
        free = (self._deadline - now) * (1 - MARGIN / 2) - self._after - around / parallel
        share = min(1.0, parallel * training.schedule.seconds(timings) / sum(epochs))
        return now + timings.start + max(0.0, free) * share
