"""The steps of a run, each a stock command: from the data to the best model, and from there to the submission."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.raw_dataset import Normalization
from nnunetv2_cipa.planning.plan import OWN_PLANS
from nnunetv2_cipa.planning.schedule import Schedule
from nnunetv2_cipa.planning.timing import CONFIGURATION
from nnunetv2_cipa.steps import Step

from .best_model import BestModel
from .training_step import TrainingStep
from .workspace import Workspace, few_cores, stock_command


@dataclass(frozen=True)
class Choices:
    """What is to be trained, and how.

    Attributes:
        trainers: class names.
        folds: of nnU-Net's cross-validation.
        normalization: "stock" or "fixed".
    """

    trainers: tuple[str, ...]
    folds: tuple[int, ...]
    normalization: Normalization = "stock"


def preparation(workspace: Workspace, *, planned_already: bool = False) -> list[Step]:
    """Conversion, if needed, and nnU-Net's planning and preprocessing, unless the user has done that."""
    source = workspace.source
    number = str(source.dataset_id)
    steps: list[Step] = []
    command: tuple[str, ...]
    if source.converted:
        command = (*_ours("convert_PCLT20K"), "-i", str(source.folder), "-d", number)
        options = ("--overwrite", *_processes())
        reads, makes = (source.folder,), (workspace.raw,)
        steps.append(Step("convert", command, options, reads=reads, makes=makes, replaces=True))
    if not planned_already:
        folder = workspace.preprocessed
        command = (stock_command("nnUNetv2_plan_and_preprocess"), "-d", number, "-c", CONFIGURATION)
        names = ("dataset.json", "dataset_fingerprint.json", "nnUNetPlans.json", "nnUNetPlans_2d", "gt_segmentations")
        step = Step(
            "plan",
            (*command, "--verify_dataset_integrity", "--clean"),
            ("-npfp", "1", "-np", "1") if few_cores() else (),
            needs=("convert",) if source.converted else (),
            reads=() if source.converted else (source.folder,),
            makes=(folder,),
            proof=tuple(folder / name for name in names),
        )
        steps.append(step)
    return steps


def plan_for_cipa(
    workspace: Workspace, choices: Choices, seconds: float | None, *, planned_already: bool = False
) -> Step:
    """The plan that fits CIPA, this machine and, where given, the seconds that are left."""
    options = ["-device", workspace.device, "-tr", *choices.trainers, "-f", *map(str, choices.folds), *_processes()]
    if seconds is not None:
        options += ["--time-budget", f"{seconds:.0f}s"]
    plans_file = workspace.plans_file
    fixed = choices.normalization == "fixed"
    makes = (plans_file, *([workspace.preprocessed / f"{OWN_PLANS}_{CONFIGURATION}"] if fixed else []))
    return Step(
        "plan_for_CIPA",
        (*_ours("plan"), "-d", str(workspace.source.dataset_id), "--normalization", choices.normalization),
        tuple(options),
        needs=() if planned_already else ("plan",),
        reads=(workspace.source.folder, workspace.preprocessed / "nnUNetPlans.json") if planned_already else (),
        makes=makes,
        proof=(plans_file,),
    )


def trainings(workspace: Workspace, choices: Choices, schedules: Mapping[str, Schedule]) -> list[TrainingStep]:
    """A training with validation for each trainer and fold; none needs another."""
    command = (stock_command("nnUNetv2_train"), str(workspace.source.dataset_id), CONFIGURATION)
    return [
        TrainingStep(
            training_name(trainer, fold),
            (*command, str(fold), "-tr", trainer, "-p", OWN_PLANS, "--npz"),
            ("-device", workspace.device),
            needs=("plan_for_CIPA",),
            makes=(folder,),
            proof=(folder / "checkpoint_final.pth", folder / "validation"),
            resumes=True,
            epochs=schedules[trainer].num_epochs,
            trainer=trainer,
            fold=fold,
        )
        for trainer in choices.trainers
        for fold in choices.folds
        if (folder := workspace.fold_folder(trainer, fold))
    ]


def training_name(trainer: str, fold: int) -> str:
    """Name of a training's step."""
    return f"train_{trainer}_fold{fold}"


def selection(workspace: Workspace, choices: Choices) -> Step:
    """nnU-Net's choice of the best trainer or pair of trainers by cross-validation, with its postprocessing."""
    folds = tuple(map(str, choices.folds))
    command = (stock_command("nnUNetv2_find_best_configuration"), str(workspace.source.dataset_id), "-p", OWN_PLANS)
    information = workspace.results / "inference_information.json"
    return Step(
        "find_best",
        (*command, "-c", CONFIGURATION, "-tr", *choices.trainers, "-f", *folds),
        _processes(),
        needs=tuple(training_name(trainer, fold) for trainer in choices.trainers for fold in choices.folds),
        makes=(information, workspace.results / "ensembles"),
        proof=(information,),
    )


def predictions(workspace: Workspace, choices: Choices, best: BestModel) -> list[Step]:
    """Predictions of the test set by the best model, postprocessed, and where they can be measured by every trainer."""
    ensembled = len(best.trainers) > 1
    trainers = choices.trainers if workspace.has_test_labels else best.trainers
    steps = [_prediction(workspace, choices, t, probabilities=ensembled and t in best.trainers) for t in trainers]
    source = workspace.predictions(best.trainers[0])
    if ensembled:
        source = workspace.predictions("ensemble")
        inputs = tuple(str(workspace.predictions(trainer)) for trainer in best.trainers)
        command = (stock_command("nnUNetv2_ensemble"), "-i", *inputs, "-o", str(source))
        needs = tuple(f"predict_{trainer}" for trainer in best.trainers)
        steps.append(Step("ensemble", command, _processes(), needs, makes=(source,), beside=True))
    final = workspace.predictions("final")
    postprocessing: tuple[str, ...] = ("-pp_pkl_file", str(best.postprocessing), "-plans_json", str(best.plans))
    postprocessing += ("-dataset_json", str(workspace.raw / "dataset.json"))
    steps.append(
        Step(
            "postprocess",
            (stock_command("nnUNetv2_apply_postprocessing"), "-i", str(source), "-o", str(final), *postprocessing),
            _processes(),
            needs=("find_best", "ensemble" if ensembled else f"predict_{best.trainers[0]}"),
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
    compare = (*_ours("compare"), "-o", str(comparison), "--no_costs", *workspace.dataset_options(choices.folds))
    compare += ("-tr", *(f"{trainer}={trainer}" for trainer in choices.trainers))
    needs = ["find_best"]
    steps: list[Step] = []
    if workspace.has_test_images:
        needs.append("postprocess")
        command: tuple[str, ...] = (*_ours("submission"), "-i", final, "-o", str(submission), *dataset_json)
        steps.append(Step("submission", command, needs=("postprocess",), makes=(submission,), beside=True))
    if workspace.has_test_images and workspace.has_test_labels:
        reference = ("-ref", str(raw / "labelsTs"))
        measured = (folder / "evaluation.json", folder / "evaluation.csv")
        command = (*_ours("evaluate"), *reference, "-pred", final, "-o", str(measured[0]), *dataset_json)
        steps.append(Step("evaluate", command, _processes(), ("postprocess",), makes=measured))
        needs += [f"predict_{trainer}" for trainer in choices.trainers]
        folders = [f"{trainer}={workspace.predictions(trainer)}" for trainer in choices.trainers]
        compare += (*reference, *dataset_json, "--predictions", *folders, f"best={final}")
    steps.append(Step("compare", compare, _processes(), tuple(needs), makes=(comparison,), beside=True))
    steps.append(page_of(comparison, report))
    return steps


def page_of(comparison: Path, report: Path) -> Step:
    """The report of a comparison; many cases are in a folder next to the page, which the command puts there itself."""
    command = (*_ours("report"), "-i", str(comparison / "comparison.json"), "-o", str(report))
    makes = (report, report.with_name(f"{report.stem}_files"))
    options = ("--overwrite", *_processes())
    return Step("report", command, options, ("compare",), makes=makes, proof=(report,), replaces=True)


def _prediction(workspace: Workspace, choices: Choices, trainer: str, *, probabilities: bool) -> Step:
    target = workspace.predictions(trainer)
    command = (stock_command("nnUNetv2_predict"), "-i", str(workspace.raw / "imagesTs"), "-o", str(target))
    few = ("-npp", "1", "-nps", "1") if few_cores() else ()
    return Step(
        f"predict_{trainer}",
        (*command, *workspace.dataset_options(choices.folds), "-tr", trainer)
        + (("--save_probabilities",) if probabilities else ()),
        ("-device", workspace.device, *few),
        needs=tuple(training_name(trainer, fold) for fold in choices.folds),
        makes=(target,),
        beside=True,
    )


def _ours(command: str) -> tuple[str, str]:
    return (stock_command("nnUNetv2_cipa"), command)


def _processes() -> tuple[str, ...]:
    return ("-np", "2") if few_cores() else ()
