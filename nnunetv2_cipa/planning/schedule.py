"""How many epochs fit a time, from what was measured."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from nnunetv2_cipa.errors import InputError

NNUNET_EPOCHS, NNUNET_ITERATIONS, NNUNET_VALIDATION_ITERATIONS = 1000, 250, 50
FEWEST_EPOCHS = 20
"""So that the learning rate falls in steps, and an interrupted training loses little."""

MARGIN = 0.1
COMMANDS_AFTER_TRAININGS = 7
"""Selection, ensembling, postprocessing, submission, measures, comparison and report; each takes time to start."""

SECONDS_FOR_REPORTING = 60.0


@dataclass(frozen=True)
class Timings:
    """Seconds that a trainer takes on a machine.

    Attributes:
        start: from the command to the first iteration.
        iteration: of training.
        validation_iteration: of the validation in an epoch.
        epoch_end: logging, plotting and writing a checkpoint.
        case: prediction of a case with its probabilities.
        prediction_start: from the beginning of a prediction, in a process that has started, to the first case.
        merge: ensembling and measuring a case.
    """

    start: float
    iteration: float
    validation_iteration: float
    epoch_end: float
    case: float
    prediction_start: float
    merge: float


@dataclass(frozen=True)
class Workload:
    """What is to be done with each trainer.

    Attributes:
        folds: trainings with each seed.
        validation_cases: of all these folds together.
        test_cases: predicted with the networks of all folds.
        seeds: each makes a model of its own, of all folds.
    """

    folds: int
    validation_cases: int
    test_cases: int
    seeds: int = 1

    @property
    def trainings(self) -> int:
        """With all seeds."""
        return self.seeds * self.folds


@dataclass(frozen=True)
class Schedule:
    """Epochs and iterations under the names that they have in nnU-Net's trainer."""

    num_epochs: int = NNUNET_EPOCHS
    num_iterations_per_epoch: int = NNUNET_ITERATIONS
    num_val_iterations_per_epoch: int = NNUNET_VALIDATION_ITERATIONS

    def seconds(self, timings: Timings) -> float:
        """Time that the epochs take."""
        training = self.num_iterations_per_epoch * timings.iteration
        validation = self.num_val_iterations_per_epoch * timings.validation_iteration
        return self.num_epochs * (training + validation + timings.epoch_end)

    def content(self) -> dict[str, int]:
        """For the plan's configuration."""
        return asdict(self)


def choose_schedule(timings: Mapping[str, Timings], workload: Workload, seconds: float) -> Schedule:
    """The longest schedule with which all trainings and what follows them end in time, ten percent of it left over.

    It is the same for all trainers and seeds. Epochs are nnU-Net's, 250 iterations and 50 for validation, as long as
    there are at least 20 of them, and shorter else.

    Args:
        timings: of each trainer.
        workload: of each trainer.
        seconds: for everything that is still to be done.

    Raises:
        InputError: the time is too short even for 20 iterations.
    """
    after = seconds_besides_epochs(timings, workload)
    per_epochs = (seconds * (1 - MARGIN) - after) / workload.trainings
    full = Schedule(1).seconds(_total(timings))
    if (epochs := math.floor(per_epochs / full)) >= FEWEST_EPOCHS:
        return Schedule(min(epochs, NNUNET_EPOCHS))
    for iterations in range(NNUNET_ITERATIONS, 0, -1):
        schedule = Schedule(FEWEST_EPOCHS, iterations, math.ceil(iterations / 5))
        if schedule.seconds(_total(timings)) <= per_epochs:
            return schedule
    needed = (after + workload.trainings * schedule.seconds(_total(timings))) / (1 - MARGIN)
    raise InputError(
        f"{duration(seconds)} are too short: {FEWEST_EPOCHS} iterations of every training, validation and prediction "
        f"take {duration(needed)} here. Give more time, or fewer trainers, folds or seeds."
    )


def seconds_besides_epochs(timings: Mapping[str, Timings], workload: Workload) -> float:
    """Starting and validating all trainings, and what follows them."""
    starts = sum(workload.trainings * (timing.start + timing.prediction_start) for timing in timings.values())
    validation = sum(workload.seeds * workload.validation_cases * timing.case for timing in timings.values())
    return starts + validation + seconds_after_trainings(timings, workload)


def seconds_after_trainings(timings: Mapping[str, Timings], workload: Workload) -> float:
    """Selecting, predicting with all models, ensembling, measuring and reporting.

    Each model is ensembled with each other one, at the cost of merging the cases of both, and of processes that load
    the same libraries as a command does, to merge and to measure.
    """
    number = len(timings) * workload.seeds
    pairs = number * (number - 1) // 2
    merged = workload.validation_cases * (1 + number) + workload.test_cases * 2
    predicted = workload.test_cases * workload.folds
    models = workload.seeds * sum(
        timing.start + timing.prediction_start + predicted * timing.case + merged * timing.merge
        for timing in timings.values()
    )
    start = max(timing.start for timing in timings.values())
    return models + (COMMANDS_AFTER_TRAININGS + pairs) * start + SECONDS_FOR_REPORTING


def duration(seconds: float) -> str:
    """A time as it is written: 3 h 20 min, 12 min, 45 s."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def parse_duration(text: str) -> float:
    """Seconds of a time such as 9h, 90m, 1.5h or 600s.

    Raises:
        ValueError: it is not such a time, or not positive.
    """
    units = {"h": 3600, "m": 60, "s": 1}
    seconds = float(text[:-1]) * units[text[-1]] if text and text[-1] in units else -1.0
    if not 0 < seconds < math.inf:
        raise ValueError(f"{text!r} is not a time such as 9h, 90m or 600s")
    return seconds


def _total(timings: Mapping[str, Timings]) -> Timings:
    """A trainer that takes as long as all together."""
    each = [asdict(timing) for timing in timings.values()]
    return Timings(**{name: sum(timing[name] for timing in each) for name in each[0]})
