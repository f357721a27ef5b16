"""The steps from the plans on, each a stock command: to the best model, and from there to the submission."""

from collections.abc import Mapping
from pathlib import Path

from nnunetv2_cipa.planning.plans_files import OWN_PLANS
from nnunetv2_cipa.planning.schedule import Schedule
from nnunetv2_cipa.planning.timing import CONFIGURATION
from nnunetv2_cipa.steps import Step

from .best_model import BestModel
from .choices import Choices
from .model import Model
from .preparation import plans_step
from .training_step import TrainingStep
from .workspace import Workspace, few_cores, our_command, processes, stock_command

SELECTION = "find_best"


def trainings(workspace: Workspace, choices: Choices, schedules: Mapping[str, Schedule]) -> list[TrainingStep]:
    """A training with validation for each model and fold; none needs another."""
    command = (stock_command("nnUNetv2_train"), str(workspace.source.dataset_id), CONFIGURATION)
    return [
        TrainingStep(
            training_name(model, fold),
            (*command, str(fold), "-tr", model.trainer, "-p", model.plans, "--npz"),
            ("-device", workspace.device),
            needs=(plans_step(model.plans),),
            makes=(folder,),
            proof=(folder / "checkpoint_final.pth", folder / "validation"),
            resumes=True,
            epochs=schedules[model.trainer].num_epochs,
            trainer=model.trainer,
            fold=fold,
        )
        for model in choices.models
        for fold in choices.folds
        if (folder := workspace.fold_folder(model, fold))
    ]


def training_name(model: Model, fold: int) -> str:
    """Name of a training's step."""
    return f"train_{model.name}_fold{fold}"


def prediction_name(model: Model) -> str:
    """Name of a prediction's step."""
    return f"predict_{model.name}"


def selection(workspace: Workspace, choices: Choices) -> Step:
    """nnU-Net's choice of the best model or pair of models by cross-validation, with its postprocessing."""
    folds = tuple(map(str, choices.folds))
    plans = tuple(dict.fromkeys(model.plans for model in choices.models))
    command = (stock_command("nnUNetv2_find_best_configuration"), str(workspace.source.dataset_id), "-p", *plans)
    information = workspace.results / "inference_information.json"
    return Step(
        SELECTION,
        (*command, "-c", CONFIGURATION, "-tr", *choices.trainers, "-f", *folds),
        processes(),
        needs=tuple(training_name(model, fold) for model in choices.models for fold in choices.folds),
        makes=(information, workspace.results / "ensembles"),
        proof=(information,),
    )


def predictions(workspace: Workspace, choices: Choices, best: BestModel) -> list[Step]:
    """Predictions of the test set by the best model, postprocessed, and where they can be measured by every model."""
    ensembled = len(best.models) > 1
    models = choices.models if workspace.has_test_labels else best.models
    steps = [_prediction(workspace, choices, m, probabilities=ensembled and m in best.models) for m in models]
    source = workspace.predictions(best.models[0].name)
    if ensembled:
        source = workspace.predictions("ensemble")
        inputs = tuple(str(workspace.predictions(model.name)) for model in best.models)
        command = (stock_command("nnUNetv2_ensemble"), "-i", *inputs, "-o", str(source))
        needs = tuple(map(prediction_name, best.models))
        steps.append(Step("ensemble", command, processes(), needs, makes=(source,), beside=True))
    final = workspace.predictions("final")
    postprocessing: tuple[str, ...] = ("-pp_pkl_file", str(best.postprocessing), "-plans_json", str(best.plans))
    postprocessing += ("-dataset_json", str(workspace.raw / "dataset.json"))
    steps.append(
        Step(
            "postprocess",
            (stock_command("nnUNetv2_apply_postprocessing"), "-i", str(source), "-o", str(final), *postprocessing),
            processes(),
            needs=(SELECTION, "ensemble" if ensembled else prediction_name(best.models[0])),
            makes=(final,),
            beside=True,
        )
    )
    return steps


def results(workspace: Workspace, choices: Choices) -> list[Step]:
    """Submission, measures, comparison, report: of the test set where it has labels, else of the cross-validation."""
    folder, raw = workspace.folder, workspace.raw
    dataset_json = ("-djfile", str(raw / "dataset.json"))
    final = str(workspace.predictions("final"))
    comparison, report, submission = folder / "comparison", folder / "report.html", folder / "submission.csv"
    compare = (*our_command("compare"), "-o", str(comparison), "--no_costs", *workspace.dataset_options(choices.folds))
    compare += ("-tr", *(f"{model.trainer}={_compared(model)}" for model in choices.models))
    needs = [SELECTION]
    steps: list[Step] = []
    if workspace.has_test_images:
        needs.append("postprocess")
        command: tuple[str, ...] = (*our_command("submission"), "-i", final, "-o", str(submission), *dataset_json)
        reads = () if choices.sample is None else (choices.sample.file,)
        command += tuple(word for sample in reads for word in ("--sample", str(sample)))
        steps.append(Step("submission", command, (), ("postprocess",), reads, makes=(submission,), beside=True))
    if workspace.has_test_images and workspace.has_test_labels:
        reference = ("-ref", str(raw / "labelsTs"))
        measured = (folder / "evaluation.json", folder / "evaluation.csv")
        command = (*our_command("evaluate"), *reference, "-pred", final, "-o", str(measured[0]), *dataset_json)
        steps.append(Step("evaluate", command, processes(), ("postprocess",), makes=measured))
        needs += map(prediction_name, choices.models)
        folders = [f"{model.trainer}={workspace.predictions(model.name)}" for model in choices.models]
        compare += (*reference, *dataset_json, "--predictions", *folders, f"best={final}")
    steps.append(Step("compare", compare, processes(), tuple(needs), makes=(comparison,), beside=True))
    steps.append(page_of(comparison, report))
    return steps


def page_of(comparison: Path, report: Path) -> Step:
    """The report of a comparison; many cases are in a folder next to the page, which the command puts there itself."""
    command = (*our_command("report"), "-i", str(comparison / "comparison.json"), "-o", str(report))
    makes = (report, report.with_name(f"{report.stem}_files"))
    options = ("--overwrite", *processes())
    return Step("report", command, options, ("compare",), makes=makes, proof=(report,), replaces=True)


def _prediction(workspace: Workspace, choices: Choices, model: Model, *, probabilities: bool) -> Step:
    target = workspace.predictions(model.name)
    command = (stock_command("nnUNetv2_predict"), "-i", str(workspace.raw / "imagesTs"), "-o", str(target))
    few = ("-npp", "1", "-nps", "1") if few_cores() else ()
    return Step(
        prediction_name(model),
        (*command, *workspace.dataset_options(choices.folds, model.plans), "-tr", model.trainer)
        + (("--save_probabilities",) if probabilities else ()),
        ("-device", workspace.device, *few),
        needs=tuple(training_name(model, fold) for fold in choices.folds),
        makes=(target,),
        beside=True,
    )


def _compared(model: Model) -> str:
    """A model as `compare` takes it beside `-p`: seeds are runs of one model, under its trainer's name."""
    return model.trainer if model.plans == OWN_PLANS else model.folder_name
