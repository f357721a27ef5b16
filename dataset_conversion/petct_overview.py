"""What a conversion says of its studies: printed, and as studies.csv."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnunetv2_cipa.files import new_file
from nnunetv2_cipa.petct.dicom_case import DicomCase
from nnunetv2_cipa.petct.volumes import Case

from .petct_case import Outcome

_COLUMNS = (
    "case", "patient", "set", "refused", "ct", "pet", "suv_rule", "suv_factor", "suv_values", "grid", "pet_grid",
    "labels", "label_ml", "body_HU", "body_SUV", "thick_soft_tissue_SUV", "max_SUV", "warnings", "passed_over",
)  # fmt: skip


def write_studies_csv(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write a row for each study, those that were refused included."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, _COLUMNS)
        rows.writeheader()
        for outcome in outcomes:
            record = outcome.record
            rows.writerow(
                {
                    **{column: _cell(record.get(column, "")) for column in _COLUMNS},
                    **{key: f"{value:.4g}" for key, value in record.get("figures", {}).items() if key in _COLUMNS},
                    "case": outcome.name,
                    "patient": outcome.patient,
                    "set": {"Tr": "training", "Ts": "test"}.get(outcome.subset, ""),
                    "refused": outcome.refusal or "",
                }
            )


def write_identities(path: Path, cases: Iterable[Case]) -> None:
    """Write a row for each DICOM study: which PatientID a running number stands for. An older table is replaced."""
    with new_file(path, overwrite=True) as new, new.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("case", "patient", "PatientID", "StudyInstanceUID"))
        for case in cases:
            if isinstance(case, DicomCase):
                values = case.headers[0].values
                rows.writerow((case.name, case.patient, values.get("PatientID", ""), values["StudyInstanceUID"]))


def described(outcome: Outcome) -> str:
    """What was chosen for a study and why, on several lines."""
    if outcome.refusal:
        return f"{outcome.name}: REFUSED. {outcome.refusal}"
    record = outcome.record
    low, high = record["suv_factor"]
    factor = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    values = ", ".join(f"{key} {value}" for key, value in record["suv_values"].items())
    lines = [
        f"{outcome.name} (patient {outcome.patient}, {'training' if outcome.subset == 'Tr' else 'test'})",
        f"  CT:    {record['ct']}",
        f"  PET:   {record['pet']}",
        f"  SUV:   {record['suv_rule']}; factor {factor}{f' from {values}' if values else ''}",
        f"  label: {', '.join(record['labels']) or 'none'}",
    ]
    if "grid" in record:
        lines.append(f"  grid:  {record['grid']} (PET itself: {record['pet_grid']})")
        found = record["figures"]
        lines.append(
            f"  check: body {found['body_HU']:.0f} HU, SUV {found['body_SUV']:.2f}; thick soft tissue, such as liver, "
            f"SUV {found['thick_soft_tissue_SUV']:.2f} (liver with FDG: 1.3 to 3.0); SUVmax {found['max_SUV']:.2f}"
        )
    lines += [f"  passed over: {reason}" for reason in record["passed_over"]]
    lines += [f"  WARNING: {warning}" for warning in record["warnings"]]
    return "\n".join(lines)


def refusals(outcomes: Sequence[Outcome]) -> str:
    """The list of studies that were refused; empty if there is none."""
    refused = [outcome for outcome in outcomes if outcome.refusal]
    if not refused:
        return ""
    lines = [f"    {outcome.name}: {outcome.refusal}" for outcome in refused]
    return "\n".join([f"{len(refused)} of {len(outcomes)} studies were refused:", *lines])


def _cell(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "; ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{key}={item}" for key, item in value.items())
    return "" if value is None else str(value)
