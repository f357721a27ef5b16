"""Trainings, nnU-Net's choice among them, and predictions of the test set."""

import math
from collections.abc import Mapping

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.nnunet.folds import NUM_FOLDS, SPLITS_FILE
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, read_planned_json
from nnunetv2_cipa.steps import Output, Step, Writing
from nnunetv2_cipa.timing.work import Schedule, Training, Work

from . import preparation, trust_steps
from .experiment import BestModel, Experiment
from .prediction import beside, prediction, prediction_name
from .training_step import TrainingStep, training_name
from .workspace import Workspace, our_command, processes, stock_command

SELECTION = "find_best"


def trainings(
    workspace: Workspace, experiment: Experiment, cases: CaseCounts, schedules: Mapping[str, Schedule]
) -> list[TrainingStep]:
    """A training with validation for each model and fold; none needs another."""
    command = (stock_command("nnUNetv2_train"), str(workspace.source.dataset_id), CONFIGURATION_2D)
    validated = validation_cases(workspace, experiment, cases)
    return [
        TrainingStep(
            training_name(model, fold),
            (*command, str(fold), "-tr", model.trainer, "-p", model.plans, "--npz"),
            ("-device", workspace.device),
            needs=(preparation.plans_step(model.plans),),
            output=Output((folder,), Writing.RESUMED, (folder / "checkpoint_final.pth", folder / "validation")),
            work=Training(
                validated[fold], gpu=workspace.on_gpu, trainer=model.competitor, schedule=schedules[model.trainer]
            ),
        )
        for model in experiment.models
        for fold in experiment.folds
        if (folder := workspace.fold_folder(model, fold))
    ]


def validation_cases(workspace: Workspace, experiment: Experiment, cases: CaseCounts) -> dict[int, int]:
    """Number of cases that each fold is validated on; before there are folds, a fifth of all."""
    splits = workspace.preprocessed / SPLITS_FILE
    if not splits.exists():
        return dict.fromkeys(experiment.folds, math.ceil(cases.training / NUM_FOLDS))
    numbers = [len(fold.get("val", ())) for fold in read_planned_json(splits)]
    return {fold: numbers[fold] if fold < len(numbers) else 0 for fold in experiment.folds}


def selection(workspace: Workspace, experiment: Experiment, cases: CaseCounts) -> Step:
    """nnU-Net's choice of the best model or pair of models by cross-validation, with its postprocessing.

    Each model and each pair are evaluated; a pair's cases are merged in processes that load the libraries once more.
    """
    folds, dataset = tuple(map(str, experiment.folds)), str(workspace.source.dataset_id)
    plans = tuple(dict.fromkeys(model.plans for model in experiment.models))
    command = (stock_command("nnUNetv2_find_best_configuration"), dataset, "-p", *plans, "-c", CONFIGURATION_2D)
    command += ("-tr", *experiment.classes)
    if len(experiment.models) < len(plans) * len(experiment.classes):  # it takes all combinations to be trained
        command = (*our_command("find_best"), "-d", dataset, "-tr", *(m.folder_name for m in experiment.models))
    information = workspace.inference_information
    validated = sum(validation_cases(workspace, experiment, cases).values())
    number = len(experiment.models)
    return Step(
        SELECTION,
        (*command, "-f", *folds),
        processes(),
        needs=tuple(training_name(model, fold) for model in experiment.models for fold in experiment.folds),
        output=Output((information, workspace.results / "ensembles"), proof=(information,)),
        work=Work(number * (number + 1) * validated, starts=1 + experiment.pairs),
    )


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
        return [*steps, trust_steps.tuned_masks(workspace, source, needs, cases)]
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
