"""An evaluation as a whole: its cases, its patients, the PCLT20K protocol, and its files."""

import csv
import json
import math
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError

from .lesions import Lesions
from .overlap import Overlap
from .records import MEASURES, Case, Mean, Measure, Patient, Record, Units, Volumes, mean, pool_patient, units
from .surface_distances import SurfaceDistances

Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class Pooled:
    """The PCLT20K protocol: overlap of all pixels of all cases, and the mean HD95 over all slices, in pixels."""

    overlap: Overlap
    hausdorff95: float
    slices: int


@dataclass(frozen=True)
class Evaluation:
    """Predictions measured against their references.

    Attributes:
        cases: One record for each case, at least one; all in the same units.
        labels: The label values that together are the foreground.
    """

    cases: tuple[Case, ...]
    labels: tuple[int, ...]

    @cached_property
    def patients(self) -> tuple[Patient, ...]:
        """One record for each patient, in the order of their first case."""
        cases: dict[str, list[Case]] = defaultdict(list)
        for case in self.cases:
            cases[case.patient].append(case)
        return tuple(pool_patient(patient, of_patient) for patient, of_patient in cases.items())

    @cached_property
    def pooled(self) -> Pooled:
        """Measures by the PCLT20K protocol."""
        slices = sum(case.slices for case in self.cases)
        return Pooled(
            overlap=sum((case.overlap for case in self.cases), Overlap()),
            hausdorff95=math.fsum(case.slices * case.slice_hausdorff95 for case in self.cases) / slices,
            slices=slices,
        )

    @property
    def units(self) -> Units:
        """Units of distances and volumes."""
        return units(self.cases[0].spacing)

    def mean_over_cases(self, measure: Measure) -> Mean:
        """Every case counts alike, as in nnU-Net's summary.json; undefined values are left out."""
        return mean([measure.of(case) for case in self.cases])

    def mean_over_patients(self, measure: Measure) -> Mean:
        """Every patient counts alike, however many cases it has; undefined values are left out."""
        return mean([measure.of(patient) for patient in self.patients])

    def content(self) -> dict[str, Any]:
        """All there is, with its measures written out, as JSON has it but for undefined values, which are NaN."""
        return {
            "nnunetv2_cipa": __version__,
            "labels": self.labels,
            "units": asdict(self.units),
            "pclt20k": {
                "iou": self.pooled.overlap.iou,
                "dice": self.pooled.overlap.dice,
                "balanced_accuracy": self.pooled.overlap.balanced_accuracy,
                "hausdorff95_pixels": self.pooled.hausdorff95,
                "slices": self.pooled.slices,
                "overlap": asdict(self.pooled.overlap),
            },
            "mean_over_cases": {measure.name: asdict(self.mean_over_cases(measure)) for measure in MEASURES},
            "mean_over_patients": {measure.name: asdict(self.mean_over_patients(measure)) for measure in MEASURES},
            "patients": [_to_json(patient) for patient in self.patients],
            "cases": [_to_json(case) for case in self.cases],
        }

    def to_json(self, path: Path) -> None:
        """Write all there is. Undefined values are null, as JSON has no NaN."""
        path.write_text(json.dumps(nan_to_null(self.content()), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def case_rows(self) -> list[Row]:
        """Describe each case as a line of a table; headings carry the unit, undefined values are None."""
        return [
            {
                "case": case.identifier,
                "patient": case.patient,
                **_row(case, self.units),
                "slice_hausdorff95_pixels": case.slice_hausdorff95,
            }
            for case in self.cases
        ]

    def patient_rows(self) -> list[Row]:
        """Describe each patient as a line of a table."""
        return [
            {"patient": patient.identifier, "cases": patient.cases, **_row(patient, self.units)}
            for patient in self.patients
        ]

    def to_csv(self, path: Path) -> None:
        """Write a line for each case; headings carry the unit, undefined values are empty."""
        rows = self.case_rows()
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def read_evaluation(path: Path) -> Evaluation:
    """Read what `Evaluation.to_json` wrote.

    Raises:
        InputError: there is no such file, or it is none of ours.
    """
    try:
        return evaluation_from_content(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} was not written by nnUNetv2_cipa evaluate. Run that again.") from error


def evaluation_from_content(content: dict[str, Any]) -> Evaluation:
    """Make an evaluation of what `Evaluation.content` gave, after a way through JSON."""
    return Evaluation(tuple(_case_from_json(case) for case in content["cases"]), tuple(content["labels"]))


def nan_to_null(content: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Replace NaN, which JSON does not have, by None, however deep it lies."""
    if isinstance(content, dict):
        return {key: nan_to_null(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [nan_to_null(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content


def _to_json(record: Case | Patient) -> dict[str, Any]:
    """A record with its measures written out, for those who read the file without this package."""
    content = asdict(record)
    measures = {measure.name: measure.of(record) for measure in MEASURES}
    return {"identifier": content.pop("identifier"), "measures": measures, **content}


def _case_from_json(content: dict[str, Any]) -> Case:
    spacing = content["spacing"]
    distances = {name: math.nan if value is None else value for name, value in content["distances"].items()}
    return Case(
        overlap=Overlap(**content["overlap"]),
        lesions=Lesions(**content["lesions"]),
        volumes=Volumes(**content["volumes"]),
        distances=SurfaceDistances(**distances),
        identifier=content["identifier"],
        patient=content["patient"],
        reference_file=content["reference_file"],
        prediction_file=content["prediction_file"],
        shape=tuple(content["shape"]),
        spacing=None if spacing is None else tuple(spacing),
        slices=content["slices"],
        slice_hausdorff95=content["slice_hausdorff95"],
    )


def _row(record: Record, used: Units) -> Row:
    measures = {"_".join(filter(None, (measure.name, measure.unit(used)))): measure.of(record) for measure in MEASURES}
    return {
        **asdict(record.overlap),
        **{name: None if math.isnan(value) else value for name, value in measures.items()},
        f"reference_volume_{used.volume}": record.volumes.reference,
        f"predicted_volume_{used.volume}": record.volumes.prediction,
        "lesions_detected": record.lesions.detected,
        "lesions_missed": record.lesions.missed,
        "lesions_false": record.lesions.false,
    }
