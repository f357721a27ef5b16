"""The viewer's data of all cases: a small script for each one, made by several processes."""

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nnunetv2_cipa.errors import InputError

from .page_data import script_json
from .pictures import picture
from .sources import CaseSources

_CALL = "receiveCase("


def write_case_files(
    folder: Path, sources: Sequence[CaseSources], foreground: Sequence[int], *, num_processes: int
) -> int:
    """Write `case_N.js` for each case, N from 0 on: a call of the page's `receiveCase` with N and the case's picture.

    Args:
        folder: It exists.
        sources: The cases.
        foreground: Label values that together are the foreground.
        num_processes: How many cases are read at a time.

    Returns:
        Number of bytes written.

    Raises:
        InputError: files cannot be read or do not fit; all of them are named.
    """
    if num_processes < 1:
        raise InputError(f"{num_processes} cases at a time is not possible: choose -np from 1 on.")
    write = partial(_write_or_fault, folder=folder, foreground=tuple(foreground), reader=_reader(sources[0]))
    tasks = list(enumerate(sources))
    num_processes = min(num_processes, len(tasks))
    if num_processes == 1:
        results = list(_with_progress(map(write, tasks), len(tasks)))
    else:
        with ProcessPoolExecutor(num_processes, multiprocessing.get_context("spawn")) as pool:
            chunk = min(32, -(-len(tasks) // (4 * num_processes)))
            results = list(_with_progress(pool.map(write, tasks, chunksize=chunk), len(tasks)))
    faults = [result for result in results if isinstance(result, str)]
    if faults:
        raise InputError("\n".join([f"{len(faults)} of {len(tasks)} cases cannot be shown.", *faults]))
    return sum(result for result in results if isinstance(result, int))


def case_file(number: int) -> str:
    """Name of a case's file."""
    return f"case_{number}.js"


def embedded(file: Path, number: int) -> str:
    """The JSON within a case's file."""
    return file.read_text(encoding="ascii").removeprefix(f"{_CALL}{number},").removesuffix(");\n")


def _write_or_fault(
    task: tuple[int, CaseSources], folder: Path, foreground: tuple[int, ...], reader: type[Any]
) -> int | str:
    number, case = task
    try:
        content = script_json(picture(case, reader, foreground))
    except InputError as error:
        return str(error)
    return (folder / case_file(number)).write_text(f"{_CALL}{number},{content});\n", encoding="ascii")


def _reader(case: CaseSources) -> type[Any]:
    """nnU-Net's reader for files of this ending."""
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_file_ending

    ending = case.reference.name.removeprefix(case.identifier)
    try:
        return determine_reader_writer_from_file_ending(ending, verbose=False)
    except RuntimeError as error:
        raise InputError(f"nnU-Net has no reader for {ending} files, such as {case.reference}.") from error


def _with_progress(results: Iterable[int | str], total: int) -> Iterable[int | str]:
    return tqdm(results, total=total, desc="report")
