"""Predictions of the test set: by the best models, postprocessed; by each of an ensemble's members, for its trust."""

from collections.abc import Sequence
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.steps import Output, Step, Writing
from nnunetv2_cipa.timing.work import Prediction, Work

from .experiment import BestModel, Experiment, Model
from .trainings import SELECTION, training_name
from .workspace import Workspace, few_cores, our_command, processes, stock_command

TRUST, TUNING = "trust", "determine_postprocessing"


def prediction_name(model: Model, fold: int | None = None) -> str:
    """Name of a prediction's step: by all folds of a model together, or by one alone."""
    return f"predict_{model.name}" if fold is None else f"predict_{model.name}_fold{fold}_alone"


def prediction(
    workspace: Workspace,
    model: Model,
    folds: Sequence[int],
    cases: CaseCounts,
    *,
    probabilities: bool,
    alone: bool = False,
) -> Step:
    """A prediction by some folds of a model, whose probabilities are averaged.

    Args:
        workspace: places and device.
        model: that is trained.
        folds: of it.
        cases: of the dataset.
        probabilities: are kept.
        alone: the one fold is a member of an ensemble, apart from others.
    """
    name = prediction_name(model, folds[0] if alone else None)
    target = workspace.predictions(name.removeprefix("predict_"))
    command = (stock_command("nnUNetv2_predict"), "-i", str(workspace.raw / "imagesTs"), "-o", str(target))
    few = ("-npp", "1", "-nps", "1") if few_cores() else ()
    return Step(
        name,
        (*command, *workspace.dataset_options(folds, model.plans), "-tr", model.trainer)
        + (("--save_probabilities",) if probabilities else ()),
        ("-device", workspace.device, *few),
        needs=tuple(training_name(model, fold) for fold in folds),
        reads=(workspace.raw / "imagesTs",),
        output=beside(target),
        work=Prediction(cases.test * len(folds), gpu=workspace.on_gpu, trainer=model.competitor),
    )


def beside(path: Path) -> Output:
    """Output that is written beside and moved."""
    return Output((path,), Writing.BESIDE)


def predictions(workspace: Workspace, experiment: Experiment, cases: CaseCounts, best: BestModel) -> list[Step]:
    """Predictions of the test set by the best model, postprocessed, and where it has labels by every model."""
    ensembled = len(best.models) > 1
    kept = ensembled or experiment.tuned_for is not None
    models = experiment.models if cases.test_labels else best.models
    scored = models if experiment.members and cases.test_labels else best.models if kept else ()
    steps = [prediction(workspace, m, experiment.folds, cases, probabilities=m in scored) for m in models]
    source = workspace.predictions(best.models[0].name)
    if ensembled:
        source = workspace.predictions("ensemble")
        inputs = tuple(str(workspace.predictions(model.name)) for model in best.models)
        command = (stock_command("nnUNetv2_ensemble"), "-i", *inputs, "-o", str(source))
        command += ("--save_npz",) if experiment.tuned_for else ()
        predicted = tuple(map(prediction_name, best.models))
        work = Work(cases.test * len(best.models))
        steps.append(Step("ensemble", command, processes(), predicted, output=beside(source), work=work))
    needs = (SELECTION, "ensemble" if ensembled else prediction_name(best.models[0]))
    if experiment.tuned_for is not None:
        return [*steps, tuned_masks(workspace, source, needs, cases)]
    final = workspace.predictions("final")
    postprocessing: tuple[str, ...] = ("-pp_pkl_file", str(best.postprocessing), "-plans_json", str(best.plans))
    postprocessing += ("-dataset_json", str(workspace.raw / "dataset.json"))
    steps.append(
        Step(
            "postprocess",
            (stock_command("nnUNetv2_apply_postprocessing"), "-i", str(source), "-o", str(final), *postprocessing),
            processes(),
            needs=needs,
            output=beside(final),
            work=Work(cases.test),
        )
    )
    return steps


def trust_folder(workspace: Workspace) -> Path:
    """Where it is told which cases to look at first."""
    return workspace.folder / "trust"


def members(workspace: Workspace, experiment: Experiment, cases: CaseCounts, best: BestModel) -> list[Step]:
    """A prediction by each fold of each of the best models apart, and where they disagree.

    It takes as long as their predictions together do, and the disk has the probabilities of each.
    """
    steps = [
        prediction(workspace, model, (fold,), cases, probabilities=True, alone=True)
        for model in best.models
        for fold in experiment.folds
    ]
    folders = tuple(str(step.output.paths[0]) for step in steps)
    command: tuple[str, ...] = (*our_command("trust"), "-i", *folders, "-o", str(trust_folder(workspace)))
    reads: tuple[Path, ...] = ()
    if cases.test_labels:
        reads = (workspace.raw / "labelsTs",)
        command += ("-ref", str(reads[0]))
    needs = tuple(step.name for step in steps)
    work = Work(cases.test * len(steps))
    return [*steps, Step(TRUST, command, processes(), needs, reads, beside(trust_folder(workspace)), work)]


def tuning(workspace: Workspace, experiment: Experiment, best: BestModel, selection: str, validated: int) -> Step:
    """The rule that is best in the cross-validation of the best models, whose probabilities are averaged.

    Args:
        workspace: places.
        experiment: folds, patients and measure.
        best: what nnU-Net has chosen.
        selection: name of the step that has.
        validated: number of cases.
    """
    models = tuple(str(workspace.results / model.folder_name) for model in best.models)
    command: tuple[str, ...] = (*our_command(TUNING), "-m", *models, "-ref", str(workspace.raw / "labelsTr"))
    command += ("-o", str(_rule(workspace)), "--measure", str(experiment.tuned_for))
    command += ("-f", *map(str, experiment.folds), *experiment.patients_words)
    reads = () if experiment.patients is None else (experiment.patients,)
    work = Work(validated * len(models))
    return Step(TUNING, command, processes(), (selection,), reads, beside(_rule(workspace)), work)


def tuned_masks(workspace: Workspace, source: Path, needs: tuple[str, ...], cases: CaseCounts) -> Step:
    """The final masks, by that rule.

    Args:
        workspace: places.
        source: folder of probabilities.
        needs: names of the steps that have made them.
        cases: of the dataset.
    """
    final = workspace.predictions("final")
    command: tuple[str, ...] = (*our_command("apply_postprocessing"), "-i", str(source), "-o", str(final))
    command += ("-pp", str(_rule(workspace)))
    return Step("postprocess", command, processes(), (*needs, TUNING), output=beside(final), work=Work(cases.test))


def _rule(workspace: Workspace) -> Path:
    return workspace.folder / "postprocessing.json"
