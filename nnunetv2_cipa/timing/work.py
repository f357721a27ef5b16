"""What the commands of a run have to do, and how many seconds that takes by what was measured on a machine."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

NNUNET_EPOCHS, NNUNET_ITERATIONS, NNUNET_VALIDATION_ITERATIONS = 1000, 250, 50


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
        merge: ensembling and evaluating a case.
    """

    start: float
    iteration: float
    validation_iteration: float
    epoch_end: float
    case: float
    prediction_start: float
    merge: float


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


@dataclass(frozen=True)
class Times:
    """What was measured of each trainer; at least one was."""

    by_trainer: Mapping[str, Timings]

    def of(self, trainer: str) -> Timings:
        """What a trainer takes; one that was not measured is taken for as slow as the slowest."""
        slowest = max(self.by_trainer.values(), key=Schedule(1).seconds)
        return self.by_trainer.get(trainer, slowest)

    @property
    def start(self) -> float:
        """Seconds until any command has loaded its libraries."""
        return max(timings.start for timings in self.by_trainer.values())

    @property
    def merge(self) -> float:
        """Seconds to read, merge or evaluate, and write a case."""
        return max(timings.merge for timings in self.by_trainer.values())


@dataclass(frozen=True)
class Work:
    """What a command has to do.

    Attributes:
        cases: that it reads, evaluates or writes; of a network: that this predicts.
        starts: processes that load the libraries.
        fixed_seconds: what it takes besides, on any machine.
        gpu: whether it computes on one.
    """

    cases: int = 0
    starts: int = 1
    fixed_seconds: float = 0.0
    gpu: bool = False

    def seconds_besides_epochs(self, times: Times) -> float:
        """Time for everything but the epochs of a training."""
        return self.starts * times.start + self.cases * times.merge + self.fixed_seconds

    def seconds(self, times: Times) -> float:
        """Time for all of it."""
        return self.seconds_besides_epochs(times)


@dataclass(frozen=True)
class Prediction(Work):
    """Prediction by a trained network, one case after the other, so that several machines can share it.

    Attributes:
        trainer: TRAINER or TRAINER__PLANS, as it was measured; a case that several folds predict counts as often.
    """

    trainer: str = ""

    def seconds_besides_epochs(self, times: Times) -> float:
        """Start and cases."""
        return _prediction_seconds(times.of(self.trainer), self.cases)


@dataclass(frozen=True)
class Training(Work):
    """A training and the prediction of its validation cases; several GPUs can share it.

    Attributes:
        trainer: TRAINER or TRAINER__PLANS, as it was measured.
        schedule: its epochs.
    """

    trainer: str = ""
    schedule: Schedule = Schedule()

    def seconds_besides_epochs(self, times: Times) -> float:
        """Start and validation."""
        return _prediction_seconds(times.of(self.trainer), self.cases)

    def seconds(self, times: Times) -> float:
        """Start, epochs and validation."""
        return self.seconds_besides_epochs(times) + self.schedule.seconds(times.of(self.trainer))


def duration(seconds: float) -> str:
    """A time as it is written: 3 h 20 min, 12 min, 45 s."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _prediction_seconds(timings: Timings, cases: int) -> float:
    return timings.start + timings.prediction_start + cases * timings.case
