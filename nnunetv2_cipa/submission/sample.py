"""The sample submission of a challenge: which columns and which rows, in which order."""

import csv
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError

_ONE_ROW = "What can be written is one row an id with all of its foreground, not a row for each class or lesion."


@dataclass(frozen=True)
class SampleSubmission:
    """A CSV file, read whole.

    Attributes:
        file: Where it was read from.
        columns: Its first line.
        rows: The others, each as long as `columns`.
        id_column: Index of the column of ids.
        mask_column: Index of the column of masks.
    """

    file: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    id_column: int
    mask_column: int

    @property
    def ids(self) -> list[str]:
        """Of all rows, in their order."""
        return [row[self.id_column] for row in self.rows]


def read_sample(file: Path, columns: tuple[str, str] | None = None) -> SampleSubmission:
    """Read a sample submission.

    Args:
        file: CSV, separated by commas, with a line of column names.
        columns: Names of the columns of ids and of masks; by default the first and the last that have a name.

    Raises:
        InputError: it cannot be read, has a row of another length, lacks the columns, or has an id twice.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = (tuple(row) for row in csv.reader(stream, strict=True) if row)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{file} is no CSV file with a line of column names: {error}.") from error
    uneven = [line for line, row in enumerate(rows, start=2) if len(row) != len(header)]
    if uneven:
        raise InputError(f"{file} has {len(header)} columns, but not in line {', '.join(map(str, uneven[:5]))}.")
    named = [name for name in header if name.strip()]  # an index or a comma too many makes columns without
    names = columns or (*named[:1], *named[-1:])
    if len(set(names)) < 2 or not set(names) <= set(named):
        separators = "" if len(header) > 1 or not set(";\t") & set(header[0]) else " Separate columns by commas."
        raise InputError(
            f"{file} must have a column of ids and one of masks. Its columns: {', '.join(header)}.{separators}"
        )
    sample = SampleSubmission(file, header, tuple(rows), header.index(names[0]), header.index(names[1]))
    _refuse_several_rows(sample)
    return sample


def empty_mask_of(sample: SampleSubmission) -> str:
    """What the sample has for a mask without foreground: the one text in it that is no list of runs, such as -1.

    Returns:
        That text; nothing where all masks are runs or nothing.

    Raises:
        InputError: there are several such texts, or it is a number above 0, as in a column of heights.
    """
    texts = list(dict.fromkeys(row[sample.mask_column].strip() for row in sample.rows))
    others = [text for text in texts if not _is_runs(text)]
    if len(others) > 1 or any(text.isdecimal() and int(text) > 0 for text in others):
        column = sample.columns[sample.mask_column]
        shown = ", ".join(repr(text) for text in others[:5])
        raise InputError(
            f"{sample.file} has in its column {column} what is no run lengths: {shown}. Say how an empty mask is to be "
            "written, with --empty, or which columns are those of ids and masks, with --columns."
        )
    return others[0] if others else ""


def _is_runs(text: str) -> bool:
    """Whether a text is a list of starts and lengths, both of them counted from 1."""
    words = text.split()
    return bool(words) and len(words) % 2 == 0 and all(map(str.isdecimal, words)) and "0" not in words


def _refuse_several_rows(sample: SampleSubmission) -> None:
    twice = [identifier for identifier, number in Counter(sample.ids).items() if number > 1]
    if not twice:
        return
    others = [name for index, name in enumerate(sample.columns) if index not in (sample.id_column, sample.mask_column)]
    what = f", which {' and '.join(others)} may tell apart" if others else ""
    lines = [
        f"{sample.file} has several rows an id{what}. {_ONE_ROW} If other columns hold ids and masks, name them with "
        "--columns.",
        f"{len(twice)} ids more than once:",
        *_listed(twice),
    ]
    raise InputError("\n".join(lines))


def in_order(ids: Iterable[str], sample: SampleSubmission) -> list[str]:
    """The ids in the sample's order.

    Raises:
        InputError: they are not the sample's. Every difference is named.
    """
    place = {identifier: number for number, identifier in enumerate(sample.ids)}
    ordered = sorted(ids, key=lambda identifier: place.get(identifier, len(place)))
    try:
        check_rows(sample.columns, ordered, sample)
    except InputError as error:
        raise InputError(f"{error}{_hint(ordered, sample)}") from error
    return ordered


def _hint(ids: Collection[str], sample: SampleSubmission) -> str:
    """What would make ids those of the sample, or most of them, or why nothing would."""
    given = set(ids)
    here = len(given.intersection(sample.ids))
    for index, column in enumerate(sample.columns):
        if column.strip() and len(given.intersection(row[index] for row in sample.rows)) > here:
            mask = "MASK" if index == sample.mask_column else sample.columns[sample.mask_column]
            return f"\nThe column {column} has them: --columns {shlex.join((column, mask))}"
    endings = Counter(one[end:] for one in sample.ids for end in range(1, len(one)) if one[:end] in given)
    shared = [(ending, number) for ending, number in endings.most_common(3) if number > here]
    if not shared:
        return ""
    everywhere = [ending for ending, number in shared if number == len(given)]
    if len(given) > 1 and len(everywhere) > 1:
        return f"\nThe sample has several rows a case, such as {' and '.join(everywhere)}. {_ONE_ROW}"
    ending, number = shared[0]
    fit = "they would be the sample's" if number == len(given) == len(sample.rows) else f"{number} would be in it"
    return f"\nWith --id-ending {shlex.quote(ending)} {fit}."


def check_rows(columns: Sequence[str], ids: Sequence[str], sample: SampleSubmission) -> None:
    """Make sure that a submission has the sample's columns and ids, in the same order.

    Raises:
        InputError: it has not. Every difference is named.
    """
    lines: list[str] = []
    if tuple(columns) != sample.columns:
        lines.append(f"columns are {', '.join(columns)}, in the sample {', '.join(sample.columns)}")
    expected, given = dict.fromkeys(sample.ids), dict.fromkeys(ids)
    twice = [identifier for identifier, number in Counter(ids).items() if number > 1]
    for what, wrong in (
        ("in the sample, but not here", [one for one in expected if one not in given]),
        (
            "here, but not in the sample",
            [one for one in given if one not in expected],
        ),
        ("here more than once", twice),
    ):
        if wrong:
            lines += [f"{what} ({len(wrong)}):", *_listed(wrong)]
    if expected.keys() == given.keys() and not twice:
        pairs = enumerate(zip(ids, sample.ids, strict=True), start=2)
        moved = [f"line {line} is {here}, in the sample {there}" for line, (here, there) in pairs if here != there]
        if moved:
            lines += [f"in another order ({len(moved)}):", *_listed(moved)]
    if lines:
        raise InputError("\n".join([f"The submission does not fit {sample.file}.", *lines]))


def _listed(things: Sequence[str]) -> list[str]:
    return [f"    {thing}" for thing in things]
