"""How long the steps of a run will take, and how that is known."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from nnunetv2_cipa.dataset_conversion.problems import Problems
from nnunetv2_cipa.dataset_conversion.source_folder import read_source_folder
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.planning.plan import NNUNET_FOLDS
from nnunetv2_cipa.planning.schedule import MARGIN, Schedule, Timings, duration
from nnunetv2_cipa.steps import DoneSteps, Step

from . import graph, preparation
from .best_model import BestModel, read_best_model
from .choices import Choices
from .source import Source
from .time_budget import PlannedTimes, read_planned_times
from .trainers import schedules_of
from .training_step import TrainingStep
from .workspace import Workspace

COMMAND_SECONDS, CASE_SECONDS = 20.0, 0.1
"""What commands other than training and prediction take to start, and for a case; see docs/run.md."""

PROBE_SIZE, PROBE_BATCH = 64, 2
STOCK_PIXELS = 12 * 512**2
LARGEST_SHARE_OF_DATA = 0.05
"""nnU-Net plans 12 images of 512x512 for a step, more smaller ones, and never more than a twentieth of the data."""

USUAL_PIXELS = 512**2


@dataclass(frozen=True)
class Estimate:
    """Seconds of a step, and where the number comes from."""

    step: str
    seconds: float
    basis: str


@dataclass(frozen=True)
class _Cases:
    """Numbers of cases, and the pixels of one."""

    training: int
    test: int
    pixels: int


Distributed = Callable[[Sequence[Step]], Sequence[Step]]
"""Makes steps for the place of the run of steps for one machine."""


def print_estimates(
    workspace: Workspace, choices: Choices, time_budget: float | None, distributed: Distributed = list
) -> None:
    """Print the steps in order, with the time that each will take and how that is known."""
    estimates = list(estimate(workspace, choices, time_budget, distributed))
    width = max(len(one.step) for one in estimates)
    for one in estimates:
        print(f"{one.step:<{width}}  {duration(one.seconds):>13}  {one.basis}")
    left = sum(one.seconds for one in estimates if one.basis != "done")
    print(f"{'still to be done':<{width}}  {duration(left):>13}")


def estimate(
    workspace: Workspace, choices: Choices, time_budget: float | None, distributed: Distributed = list
) -> Iterator[Estimate]:
    """Estimates for all steps, by what was measured for the plan if that is there, else by one training step here.

    What is done tells how long it took; a step whose inputs have changed, or come from such a step, is to be done.
    """
    done = DoneSteps(workspace.folder)
    seconds = done.ledger.seconds()
    schedules = schedules_of(choices.trainers, workspace.plans_file)
    upcoming = _upcoming(workspace, choices, schedules, time_budget)
    undone: set[str] = set()
    for step in _steps(workspace, choices, schedules, done):
        parts = distributed([step])
        if undone.isdisjoint(step.needs) and all(part in done for part in parts):
            yield Estimate(step.name, sum(seconds[part.name] for part in parts), "done")
        else:
            undone.add(step.name)
            yield upcoming(step)


def _upcoming(
    workspace: Workspace, choices: Choices, schedules: Mapping[str, Schedule], time_budget: float | None
) -> Callable[[Step], Estimate]:
    """A function that estimates what is not done."""
    cases = _count_cases(workspace.source)
    times, basis = _times(workspace, cases)
    predicted = {graph.prediction_name(model): model.trainer for model in choices.models}
    longest = float("inf")
    if time_budget is not None and not workspace.plans_file.exists():
        longest = time_budget * (1 - MARGIN) / len(choices.models) / len(choices.folds)

    def upcoming(step: Step) -> Estimate:
        if isinstance(step, TrainingStep):
            timings = times.timings(step.trainer)
            starts = timings.start + timings.prediction_start
            seconds = starts + schedules[step.trainer].seconds(timings) + cases.training / NNUNET_FOLDS * timings.case
            limited = seconds > longest
            return Estimate(step.name, min(seconds, longest), "what the time budget leaves" if limited else basis)
        if step.name in predicted:
            timings = times.timings(predicted[step.name])
            starts = timings.start + timings.prediction_start
            return Estimate(step.name, starts + cases.test * len(choices.folds) * timings.case, basis)
        seconds = COMMAND_SECONDS + (cases.training + cases.test) * CASE_SECONDS
        rounds = max(1, choices.pairs) if step.name == graph.SELECTION else 1
        return Estimate(step.name, rounds * seconds, "rule of thumb")

    return upcoming


def _steps(workspace: Workspace, choices: Choices, schedules: Mapping[str, Schedule], done: DoneSteps) -> list[Step]:
    """All steps; as long as nnU-Net has not chosen, as if the first two models were the best pair."""
    planned_already = preparation.is_planned_already(workspace, done.ledger)
    selection = graph.selection(workspace, choices)
    best = BestModel(choices.models[:2], 0.0, Path("postprocessing.pkl"), Path("plans.json"))
    if selection in done:
        best = read_best_model(selection.proof[0])
    return [
        *preparation.conversion(workspace),
        *([] if planned_already else [preparation.planning(workspace)]),
        preparation.plan_for_cipa(workspace, choices, None, planned_already=planned_already),
        *preparation.plans_for_seeds(workspace, choices),
        *graph.trainings(workspace, choices, schedules),
        selection,
        *(graph.predictions(workspace, choices, best) if workspace.has_test_images else []),
        *graph.results(workspace, choices),
    ]


def _times(workspace: Workspace, cases: _Cases) -> tuple[PlannedTimes, str]:
    if workspace.plans_file.exists() and (times := read_planned_times(workspace.plans_file)).measured:
        return times, "by what was measured for the plan"
    per_pixel = _seconds_per_pixel(torch.device(workspace.device))
    batch = max(2, min(STOCK_PIXELS // cases.pixels, round(cases.training * LARGEST_SHARE_OF_DATA)))
    iteration = per_pixel * batch * cases.pixels
    timings = Timings(
        start=COMMAND_SECONDS,
        iteration=iteration,
        validation_iteration=iteration / 3,
        epoch_end=1.0,
        case=per_pixel * cases.pixels * 4 / 3 + CASE_SECONDS,  # four mirrored passes, each a third of a training step
        prediction_start=COMMAND_SECONDS,
        merge=CASE_SECONDS,
    )
    return PlannedTimes(Schedule(), {"CIPA": timings}), f"by a training step of CIPA on {PROBE_SIZE}x{PROBE_SIZE} here"


def _seconds_per_pixel(device: torch.device) -> float:
    """Of a forward and backward pass of CIPA-tiny."""
    network = CIPA((PROBE_SIZE, PROBE_SIZE)).to(device).train()
    images = torch.randn(PROBE_BATCH, 2, PROBE_SIZE, PROBE_SIZE, device=device)
    seconds = 0.0
    for _ in range(2):  # the first one loads and allocates
        start = time.perf_counter()
        network(images).sum().backward()
        if device.type != "cpu":
            getattr(torch, device.type).synchronize()
        seconds = time.perf_counter() - start
    return seconds / (PROBE_BATCH * PROBE_SIZE**2)


def _count_cases(source: Source) -> _Cases:
    if source.converted:
        found = read_source_folder(source.folder, 0, Problems())
        slices = [*found.train, *found.test]
        with Image.open(slices[0].ct) as image:
            pixels = image.width * image.height
        return _Cases(len(found.train), len(found.test), pixels)
    training, test = (sorted((source.folder / f"images{part}").glob("*_0000.*")) for part in ("Tr", "Ts"))
    pixels = USUAL_PIXELS
    if training and training[0].suffix == ".png":
        with Image.open(training[0]) as image:
            pixels = image.width * image.height
    return _Cases(len(training), len(test), pixels)
