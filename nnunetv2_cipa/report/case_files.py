"""The viewer's data of all cases: small scripts, made by several processes, that the page loads as they are needed."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.processes import for_each

from .page_data import script_json
from .pictures import picture
from .sources import CaseSources

SLICES_IN_FILE = 16
_CALL, _END = "receiveCase(", ");\n"


def write_case_files(
    folder: Path, sources: Sequence[CaseSources], labels: Sequence[Sequence[int]], *, num_processes: int
) -> int:
    """Write `case_N.js` for each case, N from 0 on: a call of the page's `receiveCase` with N and the case's picture.

    Where a case has more than `SLICES_IN_FILE` slices, they are in files of as many: `case_N_0.js`, `case_N_1.js`, ...

    Args:
        folder: It exists.
        sources: The cases.
        labels: Choices of label values that are looked at together, as `picture` takes them.
        num_processes: How many cases are read at a time.

    Returns:
        Number of bytes written.

    Raises:
        InputError: files cannot be read or do not fit; all of them are named.
    """
    sizes = for_each(
        partial(_write, folder=folder, labels=tuple(map(tuple, labels)), reader=_reader(sources[0])),
        enumerate(sources),
        description="report",
        failure="cases cannot be shown",
        num_processes=num_processes,
    )
    return sum(sizes)


def case_file(key: object) -> str:
    """Name of a case's file by its number, or of a part's by the case's and its own: 3, or 3_0."""
    return f"case_{key}.js"


def embedded(file: Path) -> tuple[str, str]:
    """Key of a case's file, and the JSON within."""
    key = file.stem.removeprefix("case_")
    return key, file.read_text(encoding="ascii").removeprefix(f'{_CALL}"{key}",').removesuffix(_END)


def _write(task: tuple[int, CaseSources], folder: Path, labels: tuple[tuple[int, ...], ...], reader: type[Any]) -> int:
    number, case = task
    content = picture(case, reader, labels)
    slices = content["slices"]
    content |= {"number": number, "count": len(slices), "slicesInFile": SLICES_IN_FILE}
    contents: dict[str, Any] = {str(number): content}
    if len(slices) > SLICES_IN_FILE:
        content["slices"] = None
        starts = range(0, len(slices), SLICES_IN_FILE)
        contents |= {f"{number}_{part}": slices[at : at + SLICES_IN_FILE] for part, at in enumerate(starts)}
    return sum(
        (folder / case_file(key)).write_text(f'{_CALL}"{key}",{script_json(part)}{_END}', encoding="ascii")
        for key, part in contents.items()
    )


def _reader(case: CaseSources) -> type[Any]:
    """nnU-Net's reader for files of this ending."""
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_file_ending

    ending = case.reference.name.removeprefix(case.identifier)
    try:
        return determine_reader_writer_from_file_ending(ending, verbose=False)
    except RuntimeError as error:
        raise InputError(f"nnU-Net has no reader for {ending} files, such as {case.reference}.") from error
