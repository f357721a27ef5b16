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


@dataclass(frozen=True)
class Interval:
    """A figure with its interval of confidence.

    Attributes:
        value: The figure; NaN where it is undefined.
        low: Lower end of the interval; NaN where there are too few patients for one.
        high: Upper end.
        defined: Number of patients it stands on.
    """

    value: float
    low: float
    high: float
    defined: int


@dataclass(frozen=True)
class Curve:
    """Training of one fold, a value for each epoch; what nnU-Net did not log is NaN.

    Attributes:
        fold: Of the dataset, "all" where nnU-Net trained on everything; with the training's name where a model was
            trained several times.
        train_loss: Mean over the epoch's iterations.
        val_loss: Mean over the epoch's validation iterations.
        pseudo_dice: nnU-Net's Dice over validation patches, mean over foreground classes.
        learning_rate: At the start of the epoch.
        epoch_seconds: Duration of the epoch.
    """

    fold: str
    train_loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    pseudo_dice: tuple[float, ...]
    learning_rate: tuple[float, ...]
    epoch_seconds: tuple[float, ...]

    @property
    def epochs(self) -> range:
        """Numbers of the epochs, from 0 on as in nnU-Net's logs."""
        return range(len(self.train_loss))


@dataclass(frozen=True)
class Costs:
    """What a network costs on one image of its plan's patch size, in inference.

    Attributes:
        parameters: Number of trainable weights.
        flops: Floating-point operations, a multiplication and an addition counted as two.
        patch_size: Of the image, in pixels.
        seconds_per_image: Median of the repeats.
        peak_memory_bytes: Of the weights and whatever the network keeps while it computes.
        device: What it was measured on: "cpu", "cuda" or "mps", and its name.
        threads: Of the processor that PyTorch used.
    """

    parameters: int
    flops: int
    patch_size: tuple[int, ...]
    seconds_per_image: float
    peak_memory_bytes: int
    device: str
    threads: int


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
class PairedTest:
    """What the patients say about two models, one by one.

    Attributes:
        p_value: Wilcoxon's signed-rank test, two-sided; NaN where no patient differs.
        p_holm: The same after Holm's correction for all pairs of models.
        wins: Patients for whom the first model is better.
        losses: Patients for whom the second one is.
        ties: Patients for whom they are equal.
    """

    p_value: float
    p_holm: float
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True)
class PairedDifference:
    """Two models on the same patients.

    Attributes:
        first: Name of a model.
        second: Name of another.
        quantity: Name of one of `QUANTITIES`.
        difference: First minus second, on the patients for whom both are defined.
        test: None for pooled quantities, which have no value for each patient.
    """

    first: str
    second: str
    quantity: str
    difference: Interval
    test: PairedTest | None


@dataclass(frozen=True)
class Images:
    """Where the images of the cases are, in nnU-Net's layout: `CASE_0000.png`, `CASE_0001.png`, ...

    Attributes:
        folder: Such as imagesTs.
        file_ending: With the dot.
        channel_names: In the order of the channels' numbers.
    """

    folder: str
    file_ending: str
    channel_names: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """How intervals were made.

    Attributes:
        confidence: Of all intervals.
        resamples: Number of bootstrap samples of patients.
        seed: Of the random numbers that draw them.
    """

    confidence: float = 0.95
    resamples: int = 9999
    seed: int = 0


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
