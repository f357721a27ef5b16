"""All steps of a run, each a stock command. Whatever runs, estimates or budgets them takes them from here."""

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.nnunet.folds import NUM_FOLDS, SPLITS_FILE
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, OWN_PLANS, read_planned_json
from nnunetv2_cipa.nnunet.raw_dataset import read_raw_dataset
from nnunetv2_cipa.steps import DoneSteps, Output, Step, Writing
from nnunetv2_cipa.timing.work import Schedule, Training, Work

from . import preparation, trust_steps
from .experiment import BestModel, Experiment, Model, SubmissionForm, read_best_model
from .prediction import beside, prediction, prediction_name
from .trainers import schedules_of
from .training_step import TrainingStep, training_name
from .workspace import Workspace, count_cases, our_command, processes, stock_command

SELECTION = "find_best"
SECONDS_FOR_REPORTING = 60.0


def stages(
    workspace: Workspace, experiment: Experiment, done: DoneSteps, deadline: float | None = None
) -> Iterator[list[Step]]:
    """The steps of a run in their order, in stages: each is made when it is asked for, by what there is then.

    Args:
        workspace: places and device.
        experiment: what is to be trained.
        done: tells what there is.
        deadline: of the run, in seconds since 1970.
    """
    yield preparation.conversion(workspace, count_cases(workspace))
    cases = count_cases(workspace)
    planned_already = preparation.is_planned_already(workspace, done.ledger)
    yield [] if planned_already else [preparation.planning(workspace, cases)]
    needs: tuple[str, ...] = () if planned_already else ("plan",)
    folds = preparation.folds_by_patient(workspace, experiment, done.ledger, needs)
    yield folds
    needs = tuple(step.name for step in folds) or needs
    seconds = None if deadline is None else deadline - time.time()
    plan = preparation.plan_for_cipa(
        workspace, experiment, cases, needs=needs, seconds=seconds, planned_already=planned_already
    )
    presets = preparation.presets(workspace, experiment, done.ledger, needs)
    yield [plan, *presets, *preparation.plans_for_seeds(workspace, experiment)]
    yield training_stage(workspace, experiment, cases)
    chosen = selection(workspace, experiment, cases)
    best = read_best_model(workspace.inference_information) if chosen in done else None
    yield result_stage(workspace, experiment, cases, best)


def training_stage(workspace: Workspace, experiment: Experiment, cases: CaseCounts) -> list[Step]:
    """The trainings, and nnU-Net's choice among them."""
    schedules = schedules_of(experiment.classes, workspace.plans_file)
    return [*trainings(workspace, experiment, cases, schedules), selection(workspace, experiment, cases)]


def result_stage(
    workspace: Workspace, experiment: Experiment, cases: CaseCounts, best: BestModel | None = None
) -> list[Step]:
    """What follows the choice; as long as it is not known, as if the first two models were the best pair."""
    best = best or BestModel(experiment.models[:2], 0.0, Path("postprocessing.pkl"), Path("plans.json"))
    steps: list[Step] = []
    if experiment.tuned_for is not None:
        validated = sum(validation_cases(workspace, experiment, cases).values())
        steps.append(trust_steps.tuning(workspace, experiment, best, SELECTION, validated))
    if cases.test:
        steps += predictions(workspace, experiment, cases, best)
        steps += trust_steps.members(workspace, experiment, cases, best) if experiment.members else []
    return [*steps, *results(workspace, experiment, cases)]


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
                validated[fold], gpu=workspace.on_gpu, trainer=model.trainer, schedule=schedules[model.trainer]
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
    steps = [prediction(workspace, m, experiment.folds, cases, probabilities=kept and m in best.models) for m in models]
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


def results(workspace: Workspace, experiment: Experiment, cases: CaseCounts) -> list[Step]:
    """Submission, evaluation, comparison, report: of the test set where it has labels, else of the cross-validation."""
    folder, raw = workspace.folder, workspace.raw
    of_patients = preparation.patients_files(workspace, experiment)
    labels = tuple(map(str, experiment.labels))
    reading = ("-djfile", str(raw / "dataset.json"), *(("-l", *labels) if labels else ()))
    reading += experiment.patients_words
    final = str(workspace.predictions("final"))
    comparison = folder / "comparison"
    compare: tuple[str, ...] = (*our_command("compare"), "-o", str(comparison), "--no_costs")
    compare += workspace.dataset_options(experiment.folds)
    compare += ("-tr", *(f"{model.competitor}={_compared(model)}" for model in experiment.models))
    needs, compared = [SELECTION], sum(validation_cases(workspace, experiment, cases).values())
    steps: list[Step] = []
    if cases.test:
        needs.append("postprocess")
        steps += _submission(workspace, experiment, cases)
    if cases.test and cases.test_labels:
        reference = ("-ref", str(raw / "labelsTs"))
        reads = (raw / "labelsTs", *of_patients)
        evaluated = (folder / "evaluation.json", folder / "evaluation.csv")
        command = (*our_command("evaluate"), *reference, "-pred", final, "-o", str(evaluated[0]), *reading)
        output, work = Output(evaluated), Work(cases.test)
        steps.append(Step("evaluate", command, processes(), ("postprocess",), reads, output, work))
        needs += map(prediction_name, experiment.models)
        folders = [f"{model.competitor}={workspace.predictions(model.name)}" for model in experiment.models]
        compare += (*reference, "--predictions", *folders, f"best={final}")
        compared = cases.test
    else:
        reads = of_patients
    output, work = beside(comparison), Work(compared * len(experiment.models))
    steps.append(Step("compare", (*compare, *reading), processes(), tuple(needs), reads, output, work))
    trust = trust_steps.folder_of(workspace) if experiment.members and cases.test else None
    steps.append(page_of(comparison, folder / "report.html", trust))
    return steps


def submission_form(workspace: Workspace, experiment: Experiment) -> SubmissionForm:
    """The form that is asked for, else the one that fits: run lengths of slices, NIfTI of volumes."""
    if experiment.submission is not None:
        return experiment.submission
    of_volumes = workspace.is_converted and not read_raw_dataset(workspace.raw).is_of_slices
    return "nii.gz" if of_volumes else "csv"


def _submission(workspace: Workspace, experiment: Experiment, cases: CaseCounts) -> list[Step]:
    form = submission_form(workspace, experiment)
    if form == "none":
        return []
    target = workspace.folder / ("submission.csv" if form == "csv" else "submission")
    final = str(workspace.predictions("final"))
    command: tuple[str, ...] = (*our_command("submission"), "-i", final, "-o", str(target))
    command += ("-djfile", str(workspace.raw / "dataset.json"))
    command += ("--format", form) if form != "csv" else ()
    command += ("-l", *map(str, experiment.labels)) if experiment.labels else ()
    reads: tuple[Path, ...] = ()
    if form == "csv" and experiment.sample is not None:
        reads = (experiment.sample.file,)
        command += ("--sample", str(experiment.sample.file))
    if form == "nii.gz" and read_raw_dataset(workspace.raw).is_of_slices:
        reads = preparation.patients_files(workspace, experiment)  # whose slices are stacked
        command += tuple(word for file in reads for word in ("--patients", str(file)))
    return [Step("submission", command, (), ("postprocess",), reads, beside(target), Work(cases.test))]


def page_of(comparison: Path, report: Path, trust: Path | None = None) -> Step:
    """The report of a comparison, and of an ensemble's trust, if there is any.

    Many cases are in a folder next to the page, which the command puts there itself.
    """
    command: tuple[str, ...] = (*our_command("report"), "-i", str(comparison / "comparison.json"), "-o", str(report))
    needs: tuple[str, ...] = ("compare",)
    if trust is not None:
        command, needs = (*command, "--trust", str(trust)), (*needs, trust_steps.TRUST)
    output = Output((report, report.with_name(f"{report.stem}_files")), Writing.REPLACED, (report,))
    options, work = ("--overwrite", *processes()), Work(fixed_seconds=SECONDS_FOR_REPORTING)
    return Step("report", command, options, needs, output=output, work=work)


def _compared(model: Model) -> str:
    """A model as `compare` takes it beside `-p`: seeds are runs of one model, under its trainer's name."""
    return model.trainer if model.plans == OWN_PLANS else model.folder_name
