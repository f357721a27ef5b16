"""Work in other processes: many items in a pool under a progress bar, and commands with the end of their output."""

import multiprocessing
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from tqdm import tqdm

from nnunetv2_cipa.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

LAST_LINES = 15
_LARGEST_CHUNK = 32
_CHUNKS_A_PROCESS = 4


def for_each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    description: str,
    failure: str,
    num_processes: int = 1,
    threads: bool = False,
) -> list[Result]:
    """Apply a function to all items under a progress bar, and collect what is wrong with any of them.

    Args:
        function: for processes it must be picklable, as its items and results.
        items: in the order of the results.
        description: stands in front of the bar.
        failure: what is said of the items that an InputError comes from, such as "cases cannot be evaluated".
        num_processes: how many items at a time. From 2 processes on, a script that calls this needs the usual
            `if __name__ == "__main__":`.
        threads: work in threads of this process, for functions that leave Python's lock to others.

    Raises:
        InputError: `num_processes` is below 1, or the function raised it; the message has all of theirs.
    """
    if num_processes < 1:
        raise InputError(f"{num_processes} at a time is not possible: choose -np from 1 on.")
    work = list(items)
    number = min(num_processes, len(work))
    bar = partial(tqdm, total=len(work), desc=description)
    attempt = partial(_result_or_fault, function)
    if number <= 1:
        outcomes = list(bar(map(attempt, work)))
    elif threads:
        pool = ThreadPoolExecutor(number)
        try:
            outcomes = list(bar(pool.map(attempt, work)))
        finally:
            pool.shutdown(cancel_futures=True)
    else:
        chunk = min(_LARGEST_CHUNK, -(-len(work) // (_CHUNKS_A_PROCESS * number)))
        with ProcessPoolExecutor(number, multiprocessing.get_context("spawn")) as processes:
            outcomes = list(bar(processes.map(attempt, work, chunksize=chunk)))
    faults = [str(outcome) for outcome in outcomes if isinstance(outcome, InputError)]
    if faults:
        raise InputError("\n".join([f"{len(faults)} of {len(work)} {failure}.", *faults]))
    return [outcome for outcome in outcomes if not isinstance(outcome, InputError)]


def output_of(command: Sequence[str], *, failure: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed, errors included.

    Args:
        command: program and arguments.
        failure: what is said if it fails, such as "The network could not be measured".
        environment: of the process, by default this one's.

    Raises:
        InputError: its exit code is not 0; the message has `failure` and the last lines of what it printed.
    """
    done = subprocess.run(
        list(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise InputError(f"{failure} (exit code {done.returncode}):\n{last_lines(done.stdout)}")
    return done.stdout


def last_lines(text: str, number: int = LAST_LINES) -> str:
    """The end of what a process has printed."""
    return "\n".join(text.splitlines()[-number:])


def _result_or_fault(function: Callable[[Item], Result], item: Item) -> Result | InputError:
    try:
        return function(item)
    except InputError as error:
        return error
