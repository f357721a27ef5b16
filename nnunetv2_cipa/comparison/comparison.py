"""A comparison as a whole, and its file.

Everything here is plain data: what was measured, and what follows from it. `comparison.json` holds all of it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2_cipa import __version__
from nnunetv2_cipa.evaluation import MEASURES, Evaluation, Measure
from nnunetv2_cipa.evaluation.cases import mean
from nnunetv2_cipa.evaluation.evaluation import Row, write_csv
from nnunetv2_cipa.evaluation.json_files import read_json, write_json
from nnunetv2_cipa.evaluation.measures import Level
from nnunetv2_cipa.nnunet.images import Images

from .model_facts import Costs, Curve
from .published_results import PublishedRow
from .statistics import Interval, PairedTest, Settings


@dataclass(frozen=True)
class Run:
    """Predictions of one training, or of the folds of a cross-validation together.

    Attributes:
        source: Where the predictions are, for people.
        evaluation: Of these predictions.
    """

    source: str
    evaluation: Evaluation


@dataclass(frozen=True)
class ComparedModel:
    """A model and all that is known of it.

    Attributes:
        name: As the user calls it.
        runs: At least one; several where the model was trained more than once (seeds). All are of the same cases, in
            the same order.
        costs: None where the network is not known, or was not measured.
        curves: One for each fold and run; empty where nothing is known.
    """

    name: str
    runs: tuple[Run, ...]
    costs: Costs | None
    curves: tuple[Curve, ...]

    @property
    def evaluation(self) -> Evaluation:
        """Of its first run: the one whose predictions are shown where only one can be."""
        return self.runs[0].evaluation

    def of_label(self, name: str) -> "ComparedModel":
        """The same model, as it is of one label by itself."""
        return replace(self, runs=tuple(Run(run.source, run.evaluation.per_label[name]) for run in self.runs))

    def case_values(self, measure: Measure) -> dict[str, float]:
        """Value of each case, by its identifier: the mean over those runs where it is defined."""
        of_runs = [[measure.of(case) for case in run.evaluation.cases] for run in self.runs]
        identifiers = [case.identifier for case in self.evaluation.cases]
        return _means(identifiers, of_runs)

    def patient_values(self, measure: Measure) -> dict[str, float]:
        """Value of each patient, by its identifier: the mean over those runs where it is defined."""
        of_runs = [[measure.of(patient) for patient in run.evaluation.patients] for run in self.runs]
        identifiers = [patient.identifier for patient in self.evaluation.patients]
        return _means(identifiers, of_runs)


@dataclass(frozen=True)
class PairedDifference:
    """Two models on the same patients.

    Attributes:
        first: Name of a model.
        second: Name of another.
        measure: Name of one of `MEASURES`.
        difference: First minus second, on the patients for whom both are defined; where 0 is best, of their distances
            from it.
        test: None for measures that have no value for each patient.
    """

    first: str
    second: str
    measure: str
    difference: Interval
    test: PairedTest | None


@dataclass(frozen=True)
class Findings:
    """What follows from evaluations of models.

    Attributes:
        means: As in `Comparison`.
        differences: As in `Comparison`.
        free_response: As in `Comparison`.
    """

    means: dict[str, dict[str, Interval]]
    differences: tuple[PairedDifference, ...]
    free_response: dict[str, dict[str, Interval]] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Models on the same cases.

    Attributes:
        dataset_name: Such as Dataset605_PCLT20K.
        reference: Folder of the label files.
        images: None where they are not known.
        models: In the order the user named them.
        means: For each model's name, for each name in `MEASURES`: its figure, the mean over the model's runs.
        differences: For each measure and each pair of models, the one named first being `first`.
        published: Results of others, for PCLT20K's test set.
        settings: How intervals were made.
        created: Date and time, ISO 8601.
        per_label: What follows for each label by itself, by its name; empty where there is but one.
        patients_file: That names the patients; None where they were read from the names of the cases.
        free_response: For each model's name, its sensitivities by the names of `quantities.free_response.FIGURES`;
            empty where no reference has a lesion.
    """

    dataset_name: str
    reference: str
    images: Images | None
    models: tuple[ComparedModel, ...]
    means: dict[str, dict[str, Interval]]
    differences: tuple[PairedDifference, ...]
    published: tuple[PublishedRow, ...]
    settings: Settings
    created: str
    per_label: dict[str, Findings] = field(default_factory=dict)
    patients_file: str | None = None
    free_response: dict[str, dict[str, Interval]] = field(default_factory=dict)

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """The label values that together are the foreground."""
        return self.models[0].evaluation.labels

    def measures(self, *levels: Level) -> list[Measure]:
        """The measures of these levels, all of which the comparison has."""
        return [m for m in MEASURES.values() if m.level in levels and m.name in self.means[self.models[0].name]]

    def of_labels(self) -> dict[str, "Comparison"]:
        """The comparison of each label by itself, by its name; none where there is but one."""
        return {
            name: replace(
                self,
                models=tuple(model.of_label(name) for model in self.models),
                means=findings.means,
                differences=findings.differences,
                free_response=findings.free_response,
                per_label={},
            )
            for name, findings in self.per_label.items()
        }

    def difference(self, first: str, second: str, measure: str) -> PairedDifference:
        """The difference of two models, in the order they were named."""
        return next(d for d in self.differences if (d.first, d.second, d.measure) == (first, second, measure))

    def to_json(self, path: Path) -> None:
        """Write all there is. Undefined values are null, as JSON has no NaN."""
        content = {
            "nnunetv2_cipa": __version__,
            "dataset_name": self.dataset_name,
            "reference": self.reference,
            "images": None if self.images is None else asdict(self.images),
            "settings": asdict(self.settings),
            "created": self.created,
            **asdict(Findings(self.means, self.differences, self.free_response)),
            "patients_file": self.patients_file,
            "per_label": {name: asdict(findings) for name, findings in self.per_label.items()},
            "published": [asdict(row) for row in self.published],
            "models": [_model_content(model) for model in self.models],
        }
        write_json(path, content)

    def write_cases(self, path: Path) -> None:
        """Write a line for each case of each run of each model as CSV; undefined values are empty."""
        self._write_rows(path, Evaluation.case_rows)

    def write_patients(self, path: Path) -> None:
        """Write a line for each patient of each run of each model as CSV; undefined values are empty."""
        self._write_rows(path, Evaluation.patient_rows)

    def _write_rows(self, path: Path, rows_of: Callable[[Evaluation], list[Row]]) -> None:
        rows: list[Row] = [
            {"model": model.name, "run": number, **row}
            for model in self.models
            for number, run in enumerate(model.runs, start=1)
            for row in rows_of(run.evaluation)
        ]
        write_csv(path, rows)


def read_comparison(path: Path) -> Comparison:
    """Read what `Comparison.to_json` wrote.

    Raises:
        InputError: there is no such file, or it is none of ours.
    """
    return read_json(path, Comparison, "compare")


def _means(identifiers: list[str], of_runs: list[list[float]]) -> dict[str, float]:
    return {key: mean(values).value for key, values in zip(identifiers, zip(*of_runs, strict=True), strict=True)}


def _model_content(model: ComparedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "costs": None if model.costs is None else asdict(model.costs),
        "curves": [asdict(curve) for curve in model.curves],
        "runs": [{"source": run.source, "evaluation": run.evaluation.content()} for run in model.runs],
    }
