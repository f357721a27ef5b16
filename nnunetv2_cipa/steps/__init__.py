"""Steps that are done once: a ledger of what is done, a lock on the folder, executors, and a runner that joins them."""

from .executor import Executor, Job, LocalExecutor, run_step
from .runner import Runner, StoppedBySignal, TimeIsUp
from .state import DoneSteps, Ledger, locked
from .step import Output, Step, Writing

__all__ = [
    "DoneSteps",
    "Executor",
    "Job",
    "Ledger",
    "LocalExecutor",
    "Output",
    "Runner",
    "Step",
    "StoppedBySignal",
    "TimeIsUp",
    "Writing",
    "locked",
    "run_step",
]
