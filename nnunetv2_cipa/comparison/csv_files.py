"""A comparison's cases and patients as CSV, a line for each run of each model."""

import csv
from collections.abc import Callable
from pathlib import Path

from nnunetv2_cipa.evaluation import Evaluation
from nnunetv2_cipa.evaluation.results import Row

from .results import Comparison


def write_cases(path: Path, comparison: Comparison) -> None:
    """Write a line for each case of each run of each model; undefined values are empty."""
    _write(path, comparison, Evaluation.case_rows)


def write_patients(path: Path, comparison: Comparison) -> None:
    """Write a line for each patient of each run of each model; undefined values are empty."""
    _write(path, comparison, Evaluation.patient_rows)


def _write(path: Path, comparison: Comparison, rows_of: Callable[[Evaluation], list[Row]]) -> None:
    rows: list[Row] = [
        {"model": model.name, "run": number, **row}
        for model in comparison.models
        for number, run in enumerate(model.runs, start=1)
        for row in rows_of(run.evaluation)
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
