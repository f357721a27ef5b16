"""`nnUNetv2_cipa run`: from a folder to the best model, its predictions, a comparison, a report and a submission."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import psutil

from nnunetv2_cipa.arguments import add_device_argument, add_patients_argument, duration_argument
from nnunetv2_cipa.cluster.placement import HERE, Placement, add_cluster_arguments, placement_from
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.fold_checks import number_of_folds, training_patients
from nnunetv2_cipa.nnunet.folds import NUM_FOLDS
from nnunetv2_cipa.nnunet.normalizations import Normalization, add_normalization_argument, default_normalization
from nnunetv2_cipa.nnunet.plans import read_planned_json
from nnunetv2_cipa.postprocessing.search import tunable_measures
from nnunetv2_cipa.steps import Ledger, Runner, Step, locked
from nnunetv2_cipa.submission import read_sample
from nnunetv2_cipa.timing.budget import TimeBudget
from nnunetv2_cipa.timing.measuring import times_of_plan
from nnunetv2_cipa.timing.work import Training, duration
from nnunetv2_cipa.training.planned import TRAIN_UNTIL

from . import graph
from .checks import check, check_test_set, doubts
from .claim import claim, refuse_foreign
from .estimate import print_estimates
from .experiment import (
    BestModel,
    Experiment,
    SubmissionForm,
    add_seeds_argument,
    distinct_seeds,
    existing,
    model_named,
    planned,
    read_best_model,
)
from .trainings import selection
from .workspace import Workspace, count_cases, find_source, open_workspace

TRAINERS = ("nnUNetTrainerCIPA", "nnUNetTrainer")
TRAINERS_HELP = (
    "on the plan that fits CIPA; or TRAINER__PLANS, such as nnUNetTrainer__nnUNetResEncUNetMPlans, on one of nnU-Net's "
    "residual encoder presets (default: %(default)s)"
)
SECONDS_TO_STOP = 60.0
"""At the end of a time budget: a step has ten seconds to end itself, and a busy machine takes longer."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-i",
        required=True,
        metavar="DATA",
        help="folder that can be converted, or a dataset in nnU-Net's raw format: its folder, number or name",
    )
    parser.add_argument(
        "-o", type=Path, required=True, metavar="FOLDER", help="where to work; started again, it resumes"
    )
    parser.add_argument("-tr", "--trainers", nargs="+", default=list(TRAINERS), metavar="TRAINER", help=TRAINERS_HELP)
    parser.add_argument(
        "-f", "--folds", nargs="+", type=int, metavar="FOLD", help="default: all, which are 0 1 2 3 4 mostly"
    )
    add_seeds_argument(parser)
    parser.add_argument(
        "--time-budget",
        type=duration_argument,
        metavar="TIME",
        help="such as 9h, from each start: epochs are planned to end in time, and the run stops then in any case",
    )
    add_normalization_argument(parser, default=None)
    parser.add_argument(
        "-d", type=int, metavar="ID", help="number for data to be converted (default: the converter's, such as 605)"
    )
    add_device_argument(parser)
    parser.add_argument(
        "-l",
        type=int,
        nargs="+",
        default=[],
        metavar="LABEL",
        help="label values that together are the foreground (default: each of the dataset's, and all together)",
    )
    add_patients_argument(parser)
    parser.add_argument(
        "--submission",
        choices=get_args(SubmissionForm),
        help="run lengths, or masks of slices or of volumes (default: csv for slices, nii.gz for volumes)",
    )
    parser.add_argument(
        "--sample", type=Path, metavar="FILE.csv", help="sample submission: ours gets its columns, ids and order"
    )
    parser.add_argument(
        "--members",
        action="store_true",
        help="predict the test set by each fold of the best models apart, too, keep probabilities and tell which cases "
        "to look at first; it takes as long as these predictions together do",
    )
    parser.add_argument(
        "--tune",
        choices=tuple(tunable_measures()),
        metavar="MEASURE",
        help="make masks by the threshold, smallest lesion and gate that are best for a measure in cross-validation, "
        "instead of nnU-Net's postprocessing: %(choices)s",
    )
    add_cluster_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the steps and how long they will take")


def run(arguments: Namespace) -> None:
    """Run every step that is not done yet, and say what came of it; or, with --dry-run, what is to be done."""
    workspace = open_workspace(arguments.o.resolve(), find_source(arguments.i, arguments.d), arguments.device)
    experiment, placement = _experiment(arguments, workspace), placement_from(arguments)
    refuse_foreign(workspace)
    check(workspace, experiment)
    check_test_set(workspace)
    for doubt in doubts(workspace, experiment):
        print(f"WARNING: {doubt}", file=sys.stderr)
    if arguments.dry_run:
        print_estimates(workspace, experiment, arguments.time_budget, placement.distribute)
        return
    started = psutil.Process().create_time()  # what was imported until here has taken time, too
    deadline = None if arguments.time_budget is None else started + arguments.time_budget - SECONDS_TO_STOP
    best = run_pipeline(workspace, experiment, deadline=deadline, placement=placement)
    _print_result(workspace, best)


def _experiment(arguments: Namespace, workspace: Workspace) -> Experiment:
    trainers = tuple(dict.fromkeys(arguments.trainers))
    if arguments.time_budget is not None:
        trainers = tuple(map(planned, trainers))
    existing([model_named(trainer).trainer for trainer in trainers])
    patients = None if arguments.patients is None else arguments.patients.resolve()
    folds = range(_number_of_folds(workspace, patients)) if arguments.folds is None else arguments.folds
    return Experiment(
        trainers,
        tuple(sorted(set(folds))),
        arguments.normalization or _default_normalization(workspace),
        distinct_seeds(arguments.seeds),
        tuple(sorted(set(arguments.l))),
        patients,
        arguments.submission,
        None if arguments.sample is None else read_sample(arguments.sample.resolve()),
        arguments.members,
        arguments.tune,
    )


def _default_normalization(workspace: Workspace) -> Normalization:
    converter = workspace.source.converter
    if converter is None or workspace.is_converted:
        return default_normalization(read_planned_json(workspace.raw / "dataset.json"))
    return converter.normalization


def _number_of_folds(workspace: Workspace, patients_file: Path | None) -> int:
    """Those that the dataset has or is going to have; five before its conversion."""
    if not workspace.is_converted:
        return NUM_FOLDS
    patients, _ = training_patients(workspace.raw, patients_file)
    return number_of_folds(workspace.raw, workspace.preprocessed, patients)


def run_pipeline(
    workspace: Workspace,
    experiment: Experiment,
    *,
    deadline: float | None = None,
    placement: Placement = HERE,
    before: Sequence[Step] = (),
) -> BestModel:
    """Run the steps that are not done, and return what nnU-Net has chosen.

    Args:
        workspace: places and device.
        experiment: what is to be trained, and how.
        deadline: when everything is stopped, in seconds since 1970; schedules are made to end before.
        placement: where the steps are executed.
        before: steps that make the data.

    Raises:
        InputError: the folder is another run's or something else, another run is at work, the sample submission is
            not of this test set, or a step failed.
        StoppedBySignal: SIGTERM or SIGINT came.
        TimeIsUp: the deadline came.
    """
    refuse_foreign(workspace)
    with locked(workspace.folder):
        claim(workspace)
        executor = placement.executor(workspace.folder)
        runner = Runner(workspace.folder, workspace.environment, executor, deadline=deadline)
        runner.run(before)
        for stage in graph.stages(workspace, experiment, runner.done, deadline):
            budget = None
            if deadline is not None and any(isinstance(step.work, Training) for step in stage):
                budget = _time_budget(workspace, experiment, deadline, executor.capacity)
            runner.run(placement.distribute(stage), partial(_environment_of, budget))
            check(workspace, experiment)
    return read_best_model(workspace.inference_information)


def _environment_of(budget: TimeBudget | None, step: Step, undone: Sequence[Step]) -> Mapping[str, str]:
    """With a time budget a training is told when it must have ended."""
    if budget is None or not isinstance(step.work, Training):
        return {}
    until = budget.train_until(step.work, [one.work for one in undone if isinstance(one.work, Training)])
    return {TRAIN_UNTIL: f"{until:.0f}"}


def _time_budget(workspace: Workspace, experiment: Experiment, deadline: float, capacity: int) -> TimeBudget:
    times = times_of_plan(workspace.plans_file)
    if times is None:
        raise InputError(
            f"{workspace.folder} was planned without a time budget, so nothing was measured. Leave --time-budget out, "
            "or choose another folder with -o."
        )
    cases = count_cases(workspace)
    after = [selection(workspace, experiment, cases), *graph.result_stage(workspace, experiment, cases)]
    return TimeBudget(deadline, times, [step.work for step in after], capacity)


def _print_result(workspace: Workspace, best: BestModel) -> None:
    folder = workspace.folder
    seconds = Ledger(folder / "steps.jsonl").seconds()
    print(f"\nBest in cross-validation: {best}, mean Dice {best.dice:.4f}")
    print(f"Time: {', '.join(f'{name} {duration(taken)}' for name, taken in seconds.items())}")
    names = (
        "predictions/final",
        "submission.csv",
        "submission",
        "evaluation.json",
        "postprocessing.json",
        "trust",
        "comparison",
        "report.html",
    )
    for path in (folder / name for name in names):
        if path.exists():
            print(path)
