"""The CSV file of a submission: one row a slice, its mask as run lengths."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.processes import for_each

from .predictions import UNUSABLE, Predictions
from .run_length import Order, encode
from .sample import SampleSubmission, check_rows, in_order, read_sample

DEFAULT_COLUMNS = ("id", "rle")


@dataclass(frozen=True)
class Layout:
    """How a challenge wants its CSV file.

    Attributes:
        order: In which pixels are counted.
        empty: What a mask without foreground becomes.
        id_ending: What follows the case identifier in an id, such as ".png".
        columns: Names of the columns of ids and masks; None for the sample's first and last, or id and rle.
        sample: The sample submission, if there is one: the submission gets its columns and rows, in its order.
    """

    order: Order = "column"
    empty: str = ""
    id_ending: str = ""
    columns: tuple[str, str] | None = None
    sample: SampleSubmission | None = None


def write_table(file: Path, predictions: Predictions, layout: Layout) -> None:
    """Write the predictions of slices as a CSV file.

    Columns of the sample other than ids and masks are copied from it.

    Raises:
        InputError: the predictions are not those of the sample, or some are volumes, unreadable or no labels. The
            message names all of them.
    """
    cases = {f"{case}{layout.id_ending}": case for case in predictions.files}
    sample = layout.sample or _without_sample(file, list(cases), layout.columns or DEFAULT_COLUMNS)
    ids = in_order(cases, sample)  # before the work

    def encoded(identifier: str) -> str:
        return encode(predictions.read_slice(cases[identifier]), layout.order, layout.empty)

    masks = dict(zip(ids, for_each(encoded, ids, description="encode", failure=UNUSABLE), strict=True))
    rows = [
        [*row[: sample.mask_column], masks[row[sample.id_column]], *row[sample.mask_column + 1 :]]
        for row in sample.rows
    ]
    _write(file, sample.columns, rows)
    written = read_sample(file, (sample.columns[sample.id_column], sample.columns[sample.mask_column]))
    check_rows(written.columns, written.ids, sample)  # what the challenge will read


def _without_sample(file: Path, ids: Sequence[str], columns: tuple[str, str]) -> SampleSubmission:
    return SampleSubmission(file, columns, tuple((identifier, "") for identifier in ids), 0, 1)


def _write(file: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
