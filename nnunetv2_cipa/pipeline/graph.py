"""All steps of a run, each a stock command. Whatever runs, estimates or budgets them takes them from here."""

import time
from collections.abc import Iterator
from pathlib import Path

from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.steps import DoneSteps, Step

from . import preparation
from .experiment import BestModel, Experiment, read_best_model
from .predictions import members, predictions, tuning
from .results import results
from .trainings import SELECTION, schedules_of, selection, trainings, validation_cases
from .workspace import Workspace, count_cases


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
    yield preparation.presets(workspace, experiment, done.ledger, needs)  # which the next step measures
    seconds = None if deadline is None else deadline - time.time()
    plan = preparation.plan_for_cipa(
        workspace, experiment, cases, needs=needs, seconds=seconds, planned_already=planned_already
    )
    scheduled = preparation.scheduled_presets(workspace, experiment)
    yield [plan, *scheduled, *preparation.plans_for_seeds(workspace, experiment)]
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
        steps.append(tuning(workspace, experiment, best, SELECTION, validated))
    if cases.test:
        steps += predictions(workspace, experiment, cases, best)
        steps += members(workspace, experiment, cases, best) if experiment.members else []
    return [*steps, *results(workspace, experiment, cases)]
