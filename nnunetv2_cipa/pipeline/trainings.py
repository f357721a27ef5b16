"""Trainings as steps, each resumed from its latest checkpoint that is whole, and nnU-Net's choice among them."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.nnunet.folds import NUM_FOLDS, SPLITS_FILE
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, read_planned_json
from nnunetv2_cipa.nnunet.trainer_search import find_trainer
from nnunetv2_cipa.steps import Output, Step, Writing
from nnunetv2_cipa.timing.measuring import schedule_of_plan
from nnunetv2_cipa.timing.work import Schedule, Training, Work
from nnunetv2_cipa.training.base_trainer import BaseTrainer
from nnunetv2_cipa.training.planned import nnUNetTrainer_planned

from . import preparation
from .experiment import Experiment, Model
from .workspace import Workspace, our_command, processes, stock_command

SELECTION = "find_best"


@dataclass(frozen=True)
class TrainingStep(Step):
    """A training of one fold; its output is the fold's folder."""

    def prepare(self) -> None:
        """Make place, and leave only what nnU-Net can resume from.

        What was being written when an earlier attempt was killed is removed. Checkpoints that are not whole are set
        aside, so that nnU-Net takes the one before.
        """
        super().prepare()
        folder = self.output.paths[0]
        for unfinished in folder.glob("*.unfinished"):
            unfinished.unlink()
        for checkpoint in sorted(folder.glob("checkpoint_*.pth")):
            if not is_whole(checkpoint):
                aside = checkpoint.with_name(f"{checkpoint.name}.damaged")
                checkpoint.replace(aside)
                print(f"{checkpoint} is damaged. It is kept as {aside.name}; training resumes from the one before.")

    def launch_command(self) -> list[str]:
        """nnU-Net's command; with `--c` where a training has begun, with `--val` where only validation is missing."""
        command, folder = super().launch_command(), self.output.paths[0]
        if (folder / "checkpoint_final.pth").exists():
            return [*command, "--val"]
        begun = any((folder / f"checkpoint_{name}.pth").exists() for name in ("latest", "best"))
        return [*command, *(["--c"] if begun else [])]


def training_name(model: Model, fold: int) -> str:
    """Name of a training's step."""
    return f"train_{model.name}_fold{fold}"


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint can be read to its end and has the content that it was written with, by its checksums."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, OSError):
        return False


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


def schedules_of(trainers: Sequence[str], plans_file: Path) -> dict[str, Schedule]:
    """What is known of each trainer's schedule before training: that of the plan, if it follows that and it is there.

    Trainers of others are taken to have nnU-Net's schedule.
    """
    planned_schedule = schedule_of_plan(plans_file) if plans_file.exists() else Schedule()
    schedules = {}
    for name in trainers:
        trainer = find_trainer(name)
        if issubclass(trainer, nnUNetTrainer_planned):
            schedules[name] = planned_schedule
        elif issubclass(trainer, BaseTrainer):
            iterations = (trainer.iterations_per_epoch, trainer.validation_iterations_per_epoch)
            schedules[name] = Schedule(trainer.epochs, *iterations)
        else:
            schedules[name] = Schedule()
    return schedules
