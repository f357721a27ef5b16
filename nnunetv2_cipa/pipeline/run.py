"""`nnUNetv2_cipa run`: from a folder to the best model, its predictions, a comparison, a report and a submission."""

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import psutil
import torch

from nnunetv2_cipa.cluster.options import add_cluster_arguments, distributed, executor_from
from nnunetv2_cipa.dataset_conversion.raw_dataset import Normalization
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.planning.plan import check_folds, count_workload, duration_argument
from nnunetv2_cipa.planning.schedule import duration
from nnunetv2_cipa.planning.seeds import add_seeds_argument
from nnunetv2_cipa.steps import Executor, Ledger, LocalExecutor, Runner, Step, locked
from nnunetv2_cipa.submission import read_sample
from nnunetv2_cipa.training.planned import TRAIN_UNTIL

from . import graph, preparation
from .best_model import BestModel, read_best_model
from .check_sample import check_sample
from .choices import Choices
from .estimate import Distributed, print_estimates
from .source import PCLT20K_ID, find_source
from .time_budget import TimeBudget, read_planned_times
from .trainers import existing, planned, schedules_of
from .training_step import TrainingStep
from .workspace import Workspace, open_workspace

TRAINERS = ("nnUNetTrainerCIPA", "nnUNetTrainer")
CLAIM = "run.json"
SECONDS_TO_STOP = 60.0
"""At the end of a time budget: a step has ten seconds to end itself, and a busy machine takes longer."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-i",
        required=True,
        metavar="DATA",
        help="folder in PCLT20K's layout, or a dataset in nnU-Net's raw format: its folder, number or name",
    )
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="where to work; started again, go on")
    parser.add_argument(
        "-tr", "--trainers", nargs="+", default=list(TRAINERS), metavar="TRAINER", help="default: %(default)s"
    )
    parser.add_argument(
        "-f", "--folds", nargs="+", type=int, default=[0, 1, 2, 3, 4], metavar="FOLD", help="default: 0 1 2 3 4"
    )
    add_seeds_argument(parser)
    parser.add_argument(
        "--time-budget",
        type=duration_argument,
        metavar="TIME",
        help="such as 9h, from each start: epochs are planned to end in time, and the run stops then in any case",
    )
    parser.add_argument(
        "--normalization", choices=get_args(Normalization), default="stock", help="of the plan (default: %(default)s)"
    )
    parser.add_argument(
        "-d", type=int, default=PCLT20K_ID, metavar="ID", help="number for data to be converted (default: %(default)s)"
    )
    parser.add_argument(
        "-device",
        choices=("cpu", "cuda", "mps"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="default here: %(default)s",
    )
    parser.add_argument(
        "--sample", type=Path, metavar="FILE.csv", help="sample submission: ours gets its columns, ids and order"
    )
    add_cluster_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the steps and how long they will take")


def run(arguments: Namespace) -> None:
    """Run every step that is not done yet, and say what came of it; or, with --dry-run, what is to be done."""
    workspace = open_workspace(arguments.o.resolve(), find_source(arguments.i, arguments.d), arguments.device)
    choices = _choices(arguments)
    places = Places(lambda: executor_from(arguments, workspace.folder), lambda steps: distributed(steps, arguments))
    if arguments.dry_run:
        print_estimates(workspace, choices, arguments.time_budget, places.distributed)
        return
    started = psutil.Process().create_time()  # what was imported until here has taken time, too
    deadline = None if arguments.time_budget is None else started + arguments.time_budget - SECONDS_TO_STOP
    best = run_pipeline(workspace, choices, deadline=deadline, places=places)
    _print_result(workspace, best)


def _choices(arguments: Namespace) -> Choices:
    trainers = tuple(dict.fromkeys(arguments.trainers))
    if arguments.time_budget is not None:
        trainers = tuple(map(planned, trainers))
    return Choices(
        existing(trainers),
        tuple(sorted(set(arguments.folds))),
        arguments.normalization,
        tuple(sorted(set(arguments.seeds))),
        None if arguments.sample is None else read_sample(arguments.sample.resolve()),
    )


@dataclass(frozen=True)
class Places:
    """Where steps are executed; here, one at a time, if nothing else is said.

    Attributes:
        executor: makes the executor, once the folder is this run's.
        distributed: makes steps for it of steps for one machine.
    """

    executor: Callable[[], Executor] = LocalExecutor
    distributed: Distributed = list


def run_pipeline(
    workspace: Workspace,
    choices: Choices,
    *,
    deadline: float | None = None,
    places: Places = Places(),
    before: Sequence[Step] = (),
) -> BestModel:
    """Run the steps that are not done, and return what nnU-Net has chosen.

    Args:
        workspace: places and device.
        choices: what is to be trained, and how.
        deadline: when everything is stopped, in seconds since 1970; schedules are made to end before.
        places: where the steps are executed.
        before: steps that make the data.

    Raises:
        InputError: the folder is another run's or something else, another run is at work, the sample submission is
            not of this test set, or a step failed.
        StoppedBySignal: SIGTERM or SIGINT came.
        TimeIsUp: the deadline came.
    """
    _refuse_foreign(workspace)
    with locked(workspace.folder):
        _claim(workspace)
        executor = places.executor()
        runner = Runner(workspace.folder, workspace.environment, executor, deadline=deadline)
        planned_already = preparation.is_planned_already(workspace, runner.ledger)
        runner.run(before)
        runner.run(places.distributed(preparation.conversion(workspace)))
        if choices.sample is not None:
            check_sample(workspace, choices.sample)
        runner.run(places.distributed([] if planned_already else [preparation.planning(workspace)]))
        check_folds(workspace.preprocessed, choices.folds)
        left = None if deadline is None else deadline - time.time()
        plan = preparation.plan_for_cipa(workspace, choices, left, planned_already=planned_already)
        runner.run(places.distributed([plan, *preparation.plans_for_seeds(workspace, choices)]))
        trainings = graph.trainings(workspace, choices, schedules_of(choices.trainers, workspace.plans_file))
        budget = None if deadline is None else _time_budget(workspace, choices, deadline, executor.capacity)

        def environment_of(step: Step, undone: Sequence[Step]) -> Mapping[str, str]:
            if budget is None or not isinstance(step, TrainingStep):
                return {}
            until = budget.train_until(step, [other for other in undone if isinstance(other, TrainingStep)])
            return {TRAIN_UNTIL: f"{until:.0f}"}

        selection = graph.selection(workspace, choices)
        runner.run(places.distributed([*trainings, selection]), environment_of)
        best = read_best_model(selection.proof[0])
        predictions = graph.predictions(workspace, choices, best) if workspace.has_test_images else []
        runner.run(places.distributed([*predictions, *graph.results(workspace, choices)]))
    return best


def _time_budget(workspace: Workspace, choices: Choices, deadline: float, capacity: int) -> TimeBudget:
    times = read_planned_times(workspace.plans_file)
    if not times.measured:
        raise InputError(
            f"{workspace.folder} was planned without a time budget, so nothing was measured. Leave --time-budget out, "
            "or choose another folder with -o."
        )
    workload = count_workload(workspace.preprocessed, workspace.raw, choices.folds, seeds=len(choices.seeds))
    return TimeBudget(deadline, times, workload, capacity)


def _refuse_foreign(workspace: Workspace) -> None:
    """Leave folders alone that hold something else, or a run with other data.

    Raises:
        InputError: it is such a folder.
    """
    folder = workspace.folder
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if CLAIM in present:
        before = json.loads((folder / CLAIM).read_text(encoding="utf-8"))
        if before != _settings(workspace):
            raise InputError(
                f"{folder} holds a run with {before['data']} as {before['dataset']}. Choose another folder with -o."
            )
    elif others := present - {".lock", f"{CLAIM}.unfinished"}:
        raise InputError(
            f"{folder} is neither empty nor an earlier run: it holds {', '.join(sorted(others)[:3])}. "
            "Choose another folder with -o."
        )


def _claim(workspace: Workspace) -> None:
    """Write down whose folder it is."""
    unfinished = workspace.folder / f"{CLAIM}.unfinished"
    unfinished.write_text(json.dumps(_settings(workspace)), encoding="utf-8")
    unfinished.replace(workspace.folder / CLAIM)


def _settings(workspace: Workspace) -> dict[str, str]:
    return {"data": str(workspace.source.folder), "dataset": workspace.source.dataset}


def _print_result(workspace: Workspace, best: BestModel) -> None:
    folder = workspace.folder
    seconds = Ledger(folder / "steps.jsonl").seconds()
    print(f"\nBest in cross-validation: {best}, mean Dice {best.dice:.4f}")
    print(f"Time: {', '.join(f'{name} {duration(taken)}' for name, taken in seconds.items())}")
    names = ("predictions/final", "submission.csv", "evaluation.json", "comparison", "report.html")
    for path in (folder / name for name in names):
        if path.exists():
            print(path)
