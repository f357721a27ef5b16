"""The viewer's data of all cases: a small script for each one, made by several processes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.processes import for_each

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
    sizes = for_each(
        partial(_write, folder=folder, foreground=tuple(foreground), reader=_reader(sources[0])),
        enumerate(sources),
        description="report",
        failure="cases cannot be shown",
        num_processes=num_processes,
    )
    return sum(sizes)


def case_file(number: int) -> str:
    """Name of a case's file."""
    return f"case_{number}.js"


def embedded(file: Path, number: int) -> str:
    """The JSON within a case's file."""
    return file.read_text(encoding="ascii").removeprefix(f"{_CALL}{number},").removesuffix(");\n")


def _write(task: tuple[int, CaseSources], folder: Path, foreground: tuple[int, ...], reader: type[Any]) -> int:
    number, case = task
    content = script_json(picture(case, reader, foreground))
    return (folder / case_file(number)).write_text(f"{_CALL}{number},{content});\n", encoding="ascii")


def _reader(case: CaseSources) -> type[Any]:
    """nnU-Net's reader for files of this ending."""
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_file_ending

    ending = case.reference.name.removeprefix(case.identifier)
    try:
        return determine_reader_writer_from_file_ending(ending, verbose=False)
    except RuntimeError as error:
        raise InputError(f"nnU-Net has no reader for {ending} files, such as {case.reference}.") from error
