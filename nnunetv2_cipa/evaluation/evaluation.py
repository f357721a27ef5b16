"""An evaluation as a whole: its cases, its patients, all of them pooled, and its files."""

from __future__ import annotations  # cattrs resolves an annotation of the class in itself only so

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2_cipa import __version__
from nnunetv2_cipa.nnunet.patients import REMEDY, doubts
from nnunetv2_cipa.quantities.free_response import FIGURES, FreeResponse, free_response

from .cases import Case, Mean, Patient, Record, Units, mean, pool, units
from .json_files import read_json, write_json
from .measures import MEASURES, Level, Measure

UNION = "all labels"
"""What several labels together are called."""

Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class Evaluation:
    """Predictions measured against their references.

    Attributes:
        cases: One record for each case, at least one; all in the same units.
        labels: The label values that together are the foreground.
        tolerance: Distance up to which borders agree, in the unit of distances.
        per_label: The same of each label or region by itself, by its name; empty where there is but one.
    """

    cases: tuple[Case, ...]
    labels: tuple[int, ...]
    tolerance: float = 1.0
    per_label: dict[str, Evaluation] = field(default_factory=dict)

    @cached_property
    def patients(self) -> tuple[Patient, ...]:
        """One record for each patient, in the order of their first case."""
        cases: dict[str, list[Case]] = defaultdict(list)
        for case in self.cases:
            cases[case.patient].append(case)
        return tuple(pool(patient, of_patient) for patient, of_patient in cases.items())

    @cached_property
    def pooled(self) -> Patient:
        """All cases as one, from which the PCLT20K protocol's measures are taken."""
        return pool("all", self.cases)

    @cached_property
    def free_response(self) -> FreeResponse | None:
        """Lesions that are found over false ones a patient; None where no reference has a lesion."""
        found = [patient.candidates for patient in self.patients]
        return free_response(found) if any(patient.lesions for patient in found) else None

    @property
    def units(self) -> Units:
        """Units of distances and volumes."""
        return units(self.cases[0].spacing)

    def measures(self, *levels: Level) -> list[Measure]:
        """The measures of these levels, all of which apply to what was measured."""
        return [m for m in MEASURES.values() if m.level in levels and m.applies_to(self.cases[0])]

    def mean_over_cases(self, measure: Measure) -> Mean:
        """Every case counts alike, as in nnU-Net's summary.json; undefined values are left out."""
        return mean([measure.of(case) for case in self.cases])

    def mean_over_patients(self, measure: Measure) -> Mean:
        """Every patient counts alike, however many cases it has; undefined values are left out."""
        return mean([measure.of(patient) for patient in self.patients])

    def figure(self, measure: Measure) -> float:
        """The one number that a measure of any level gives, NaN where undefined."""
        if measure.level == "patient":
            return self.mean_over_patients(measure).value
        return float(measure.figure(measure.columns(self.patients)))

    def content(self) -> dict[str, Any]:
        """All there is, with its measures written out, as JSON has it but for undefined values, which are NaN."""
        of_patients = self.measures("patient")
        return {
            "nnunetv2_cipa": __version__,
            "labels": self.labels,
            "units": asdict(self.units),
            "tolerance": self.tolerance,
            "pclt20k": {
                **{
                    _key(measure, self.units).removeprefix("pooled_"): self.figure(measure)
                    for measure in self.measures("pooled")
                },
                "slices": self.pooled.slices,
                "overlap": asdict(self.pooled.overlap),
            },
            "mean_over_cases": {measure.name: asdict(self.mean_over_cases(measure)) for measure in of_patients},
            "mean_over_patients": {measure.name: asdict(self.mean_over_patients(measure)) for measure in of_patients},
            "agreement_over_patients": {measure.name: self.figure(measure) for measure in self.measures("agreement")},
            "free_response": None if self.free_response is None else _curve_content(self.free_response),
            "patients": [self._content(patient) for patient in self.patients],
            "cases": [self._content(case) for case in self.cases],
            "per_label": {name: evaluation.content() for name, evaluation in self.per_label.items()},
        }

    def to_json(self, path: Path) -> None:
        """Write all there is. Undefined values are null, as JSON has no NaN."""
        write_json(path, self.content(), indent=1)

    def case_rows(self) -> list[Row]:
        """Describe each case as a line of a table; headings carry the unit, undefined values are None.

        Where there are several labels, the lines of all of them together come first, then those of each.
        """
        return self._of_labels(Evaluation.case_rows) or [
            {
                "case": case.identifier,
                "patient": case.patient,
                **self._row(case),
                "slice_hausdorff95_pixels": case.slice_hausdorff95,
            }
            for case in self.cases
        ]

    def patient_rows(self) -> list[Row]:
        """Describe each patient as a line of a table, as `case_rows` does each case."""
        return self._of_labels(Evaluation.patient_rows) or [
            {"patient": patient.identifier, "cases": patient.cases, **self._row(patient)} for patient in self.patients
        ]

    def _of_labels(self, rows_of: Callable[[Evaluation], list[Row]]) -> list[Row]:
        """Rows with their label in front; none where there is but one label."""
        together = {UNION: replace(self, per_label={})} if self.per_label else {}
        evaluations = {**together, **self.per_label}
        return [{"label": name, **row} for name, evaluation in evaluations.items() for row in rows_of(evaluation)]

    def _content(self, record: Case | Patient) -> dict[str, Any]:
        """A record with its measures written out, for those who read the file without this package."""
        content = asdict(record)
        measures = {measure.name: measure.of(record) for measure in self.measures("patient")}
        return {"identifier": content.pop("identifier"), "measures": measures, **content}

    def _row(self, record: Record) -> Row:
        used = self.units
        measures = {_key(measure, used): measure.of(record) for measure in self.measures("patient")}
        uptake = {} if record.uptake is None else asdict(record.uptake)
        values = {
            **measures,
            f"reference_volume_{used.volume}": record.volumes.reference,
            f"predicted_volume_{used.volume}": record.volumes.prediction,
            **{f"{mask}_{name}": value for mask, of_mask in uptake.items() for name, value in of_mask.items()},
        }
        return {
            **asdict(record.overlap),
            **{name: None if math.isnan(value) else value for name, value in values.items()},
            "lesions_detected": record.lesions.detected,
            "lesions_missed": record.lesions.missed,
            "lesions_false": record.lesions.false,
            "matched_lesions_detected": record.matches.num_detected,
            "matched_lesions_missed": record.matches.num_missed,
            "matched_lesions_false": record.matches.num_false,
        }

    def to_csv(self, path: Path) -> None:
        """Write a line for each case; headings carry the unit, undefined values are empty."""
        write_csv(path, self.case_rows())


def read_evaluation(path: Path) -> Evaluation:
    """Read what `Evaluation.to_json` wrote.

    Raises:
        InputError: there is no such file, or it is none of ours.
    """
    return read_json(path, Evaluation, "evaluate")


def remark_on_patients(evaluation: Evaluation, file: Path | None) -> str:
    """What is to be said of patients that were read from names, nothing where a file names them."""
    if file is not None:
        return ""
    doubtful = doubts({case.identifier: case.patient for case in evaluation.cases})
    return "\n".join(doubtful) or f"Patients were read from the names of the cases. {REMEDY}"


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows of the same keys, at least one, as a table with headings."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _curve_content(curve: FreeResponse) -> dict[str, Any]:
    return {
        "sensitivity_at_false_positives": {
            name: float(curve.sensitivity_at(*rates)) for name, rates in FIGURES.items()
        },
        "false_positives": curve.false_positives.tolist(),
        "sensitivity": curve.sensitivities.tolist(),
    }


def _key(measure: Measure, used: Units) -> str:
    """A measure's name in files that have no other place for its unit."""
    return "_".join(filter(None, (measure.name, measure.unit(used))))
