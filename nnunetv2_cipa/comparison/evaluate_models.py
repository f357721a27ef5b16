"""Evaluations of all models on the same cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation import evaluate_pairs
from nnunetv2_cipa.evaluation.label_folders import LabelFormat, Pair, find_label_format, find_pairs, natural_order
from nnunetv2_cipa.evaluation.uptake_of_masks import find_pets
from nnunetv2_cipa.nnunet.model_folder import ModelFolder

from .comparison import Run


@dataclass(frozen=True)
class ModelSource:
    """A model, and where its files are.

    Attributes:
        name: As the user calls it.
        trained: Its model folders, several where it was trained more than once; empty where they are not known.
        predictions: Folders of its predictions, one for each training; where there is none, the predictions are those
            of the cross-validation of each model folder.
    """

    name: str
    trained: tuple[ModelFolder, ...]
    predictions: tuple[Path, ...]


@dataclass(frozen=True)
class References:
    """What predictions are measured against, as `evaluation.evaluate_folders` takes it.

    Attributes:
        folder: Of label files.
        foreground: Label values that together are the foreground.
        dataset_json: The dataset's.
        patients: Patient of each case; None reads them from the names of all references.
        pets: Folder of PET volumes in SUV.
        tolerance: Distance up to which borders agree.
    """

    folder: Path
    foreground: Sequence[int] | None = None
    dataset_json: Path | None = None
    patients: Mapping[str, str] | None = None
    pets: Path | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class _Planned:
    """A run whose files have been found."""

    model: str
    source: str
    pairs: list[Pair]
    label_format: LabelFormat


def evaluate_models(
    sources: Sequence[ModelSource], references: References, *, num_processes: int = 1
) -> dict[str, tuple[Run, ...]]:
    """Measure all runs of all models, by the models' names.

    Raises:
        InputError: cases are missing or extra, of unknown patients, or not the same for all runs; files are unreadable
            or do not fit each other. The message names every offender.
    """
    planned = _plan(sources, references)
    _check_same_cases(planned)
    runs: dict[str, list[Run]] = {source.name: [] for source in sources}
    for run in planned:
        print(f"{run.model}: {run.source}", flush=True)
        try:
            evaluation = evaluate_pairs(
                run.pairs,
                run.label_format,
                pets=references.pets or find_pets(references.folder),
                tolerance=references.tolerance,
                num_processes=num_processes,
            )
        except InputError as error:
            raise InputError(f"{run.model}: {error}") from error
        runs[run.model].append(Run(run.source, evaluation))
    return {name: tuple(of_model) for name, of_model in runs.items()}


def _plan(sources: Sequence[ModelSource], references: References) -> list[_Planned]:
    """Find all files before any is read, so that faults show at once."""
    partly = any(not source.predictions for source in sources)  # folds may leave out references
    planned: list[_Planned] = []
    faults: list[str] = []
    for source in sources:
        for origin in source.predictions or source.trained:
            try:
                planned.append(
                    _plan_cross_validation(source.name, origin, references)
                    if isinstance(origin, ModelFolder)
                    else _plan_folder(source.name, origin, references, allow_missing=partly)
                )
            except InputError as error:
                faults.append(f"{source.name}: {error}")
    if faults:
        raise InputError("\n".join(faults))
    if len({run.label_format.labels for run in planned}) > 1:
        shown = "; ".join(f"{run.model} {list(run.label_format.labels.foreground)}" for run in planned)
        raise InputError(f"The models' dataset.json files name different labels ({shown}). Give one with -djfile.")
    return planned


def _plan_folder(model: str, folder: Path, references: References, *, allow_missing: bool) -> _Planned:
    format_ = find_label_format(references.folder, folder, references.foreground, references.dataset_json)
    pairs = find_pairs(
        references.folder, folder, format_.ending, patients=references.patients, allow_missing=allow_missing
    )
    return _Planned(model, str(folder), pairs, format_)


def _plan_cross_validation(model: str, trained: ModelFolder, references: References) -> _Planned:
    """Put the validation cases of all folds together: each is predicted by a network that was not trained on it."""
    folders = trained.validation_folders()
    dataset_json = references.dataset_json or trained.folder / "dataset.json"
    format_ = find_label_format(references.folder, folders[0], references.foreground, dataset_json)
    pairs: dict[str, Pair] = {}
    for folder in folders:
        found = find_pairs(references.folder, folder, format_.ending, patients=references.patients, allow_missing=True)
        twice = [pair.identifier for pair in found if pair.identifier in pairs]
        if twice:
            raise InputError(f"{folder} predicts what another fold has predicted: {', '.join(twice)}")
        pairs |= {pair.identifier: pair for pair in found}
    ordered = [pairs[identifier] for identifier in sorted(pairs, key=natural_order)]
    return _Planned(model, f"{trained.folder}, validation of fold {', '.join(trained.folds)}", ordered, format_)


def _check_same_cases(planned: Sequence[_Planned]) -> None:
    everywhere = {pair.identifier for run in planned for pair in run.pairs}
    lines: list[str] = []
    for run in planned:
        missing = sorted(everywhere - {pair.identifier for pair in run.pairs}, key=natural_order)
        if missing:
            lines += [f"{run.model} lacks {len(missing)} ({run.source}):", *(f"    {case}" for case in missing)]
    if lines:
        raise InputError("\n".join(["Models can be compared on the same cases only.", *lines]))
