"""Steps that are done once: a ledger of what is done, a lock on the folder, executors, and a runner that joins them."""

from .done import DoneSteps
from .executor import Executor, Job, LocalExecutor, run_step
from .ledger import Ledger
from .lock import locked
from .runner import Runner, StoppedBySignal, TimeIsUp
from .step import Step

__all__ = [
    "DoneSteps",
    "Executor",
    "Job",
    "Ledger",
    "LocalExecutor",
    "Runner",
    "Step",
    "StoppedBySignal",
    "TimeIsUp",
    "locked",
    "run_step",
]
