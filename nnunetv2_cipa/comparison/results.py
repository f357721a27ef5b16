"""A comparison as a whole, and its file.

Everything here is plain data: what was measured, and what follows from it. `comparison.json` holds all of it.
"""

import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation import Evaluation, Measure
from nnunetv2_cipa.evaluation.records import mean
from nnunetv2_cipa.evaluation.results import evaluation_from_content, nan_to_null

from .published import PublishedRow
from .records import Costs, Curve, Images, Interval, PairedDifference, PairedTest, Settings


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
class Comparison:
    """Models on the same cases.

    Attributes:
        dataset_name: Such as Dataset605_PCLT20K.
        reference: Folder of the label files.
        images: None where they are not known.
        models: In the order the user named them.
        means: For each model's name, for each name in `QUANTITIES`: its figure, the mean over the model's runs.
        differences: For each quantity and each pair of models, the one named first being `first`.
        published: Results of others, for PCLT20K's test set.
        settings: How intervals were made.
        created: Date and time, ISO 8601.
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

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """The label values that together are the foreground."""
        return self.models[0].evaluation.labels

    def difference(self, first: str, second: str, quantity: str) -> PairedDifference:
        """The difference of two models, in the order they were named."""
        return next(d for d in self.differences if (d.first, d.second, d.quantity) == (first, second, quantity))

    def to_json(self, path: Path) -> None:
        """Write all there is. Undefined values are null, as JSON has no NaN."""
        content = {
            "nnunetv2_cipa": __version__,
            "dataset_name": self.dataset_name,
            "reference": self.reference,
            "images": None if self.images is None else asdict(self.images),
            "settings": asdict(self.settings),
            "created": self.created,
            "means": {name: {key: asdict(value) for key, value in of.items()} for name, of in self.means.items()},
            "differences": [asdict(difference) for difference in self.differences],
            "published": [asdict(row) for row in self.published],
            "models": [_model_content(model) for model in self.models],
        }
        path.write_text(json.dumps(nan_to_null(content), allow_nan=False) + "\n", encoding="utf-8")


def read_comparison(path: Path) -> Comparison:
    """Read what `Comparison.to_json` wrote.

    Raises:
        InputError: there is no such file, or it is none of ours.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _comparison(content)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} was not written by nnUNetv2_cipa compare. Run that again.") from error


def _means(identifiers: list[str], of_runs: list[list[float]]) -> dict[str, float]:
    return {key: mean(values).value for key, values in zip(identifiers, zip(*of_runs, strict=True), strict=True)}


def _model_content(model: ComparedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "costs": None if model.costs is None else asdict(model.costs),
        "curves": [asdict(curve) for curve in model.curves],
        "runs": [{"source": run.source, "evaluation": run.evaluation.content()} for run in model.runs],
    }


def _comparison(content: dict[str, Any]) -> Comparison:
    images = content["images"]
    return Comparison(
        dataset_name=content["dataset_name"],
        reference=content["reference"],
        images=None if images is None else Images(**_tuples(images)),
        models=tuple(_model(model) for model in content["models"]),
        means={
            name: {key: Interval(**_nans(value)) for key, value in of.items()} for name, of in content["means"].items()
        },
        differences=tuple(_difference(difference) for difference in content["differences"]),
        published=tuple(PublishedRow(**_nans(row)) for row in content["published"]),
        settings=Settings(**content["settings"]),
        created=content["created"],
    )


def _model(content: dict[str, Any]) -> ComparedModel:
    costs = content["costs"]
    return ComparedModel(
        name=content["name"],
        runs=tuple(Run(run["source"], evaluation_from_content(run["evaluation"])) for run in content["runs"]),
        costs=None if costs is None else Costs(**_tuples(costs)),
        curves=tuple(Curve(**_tuples(curve)) for curve in content["curves"]),
    )


def _difference(content: dict[str, Any]) -> PairedDifference:
    test = content["test"]
    return PairedDifference(
        first=content["first"],
        second=content["second"],
        quantity=content["quantity"],
        difference=Interval(**_nans(content["difference"])),
        test=None if test is None else PairedTest(**_nans(test)),
    )


def _nans(content: dict[str, Any]) -> dict[str, Any]:
    """Undefined values as they were before they were written."""
    return {key: math.nan if value is None else value for key, value in content.items()}


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    """Lists as the tuples they were before they were written, undefined values in them too."""
    return {
        key: tuple(math.nan if item is None else item for item in value) if isinstance(value, list) else value
        for key, value in content.items()
    }
