"""How long the steps of a run will take, and how that is known."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.steps import DoneSteps, Step
from nnunetv2_cipa.timing.budget import MARGIN
from nnunetv2_cipa.timing.measuring import times_of_plan
from nnunetv2_cipa.timing.work import Prediction, Times, Timings, Training, duration

from .experiment import Experiment
from .graph import stages
from .workspace import Workspace, count_cases

COMMAND_SECONDS, CASE_SECONDS = 20.0, 0.1
"""What commands take to start, and for a case, where nothing was measured; see docs/run.md."""

PROBE_SIZE, PROBE_BATCH = 64, 2
STOCK_PIXELS = 12 * 512**2
LARGEST_SHARE_OF_DATA = 0.05
"""nnU-Net plans 12 images of 512x512 for a step, more smaller ones, and never more than a twentieth of the data."""

Distribute = Callable[[Sequence[Step]], Sequence[Step]]
"""Makes steps for the place of the run of steps for one machine."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of a step, and where the number comes from."""

    step: str
    seconds: float
    basis: str


def print_estimates(
    workspace: Workspace, experiment: Experiment, time_budget: float | None, distribute: Distribute = list
) -> None:
    """Print the steps in order, with the time that each will take and how that is known."""
    estimates = list(estimate(workspace, experiment, time_budget, distribute))
    width = max(len(one.step) for one in estimates)
    for one in estimates:
        print(f"{one.step:<{width}}  {duration(one.seconds):>13}  {one.basis}")
    left = sum(one.seconds for one in estimates if one.basis != "done")
    print(f"{'still to be done':<{width}}  {duration(left):>13}")


def estimate(
    workspace: Workspace, experiment: Experiment, time_budget: float | None, distribute: Distribute = list
) -> Iterator[Estimate]:
    """Estimates for all steps, by what was measured for the plan if that is there, else by one training step here.

    What is done tells how long it took; a step whose inputs have changed, or come from such a step, is to be done.
    """
    done = DoneSteps(workspace.folder)
    seconds = done.ledger.seconds()
    upcoming = _upcoming(workspace, experiment, time_budget)
    undone: set[str] = set()
    for step in (step for stage in stages(workspace, experiment, done) for step in stage):
        parts = distribute([step])
        if undone.isdisjoint(step.needs) and all(part in done for part in parts):
            yield Estimate(step.name, sum(seconds[part.name] for part in parts), "done")
        else:
            undone.add(step.name)
            yield upcoming(step)


def _upcoming(workspace: Workspace, experiment: Experiment, time_budget: float | None) -> Callable[[Step], Estimate]:
    """A function that estimates what is not done."""
    planned = workspace.plans_file.exists()
    measured = times_of_plan(workspace.plans_file) if planned else None
    times, basis = measured or _probed_times(workspace), "by what was measured for the plan"
    if measured is None:
        basis = f"by a training step of CIPA on {PROBE_SIZE}x{PROBE_SIZE} here"
    longest = float("inf")
    if time_budget is not None and not planned:
        longest = time_budget * (1 - MARGIN) / len(experiment.models) / len(experiment.folds)

    def upcoming(step: Step) -> Estimate:
        seconds = step.work.seconds(times)
        if isinstance(step.work, Training) and seconds > longest:
            return Estimate(step.name, longest, "what the time budget leaves")
        by_network = isinstance(step.work, Training | Prediction)
        return Estimate(step.name, seconds, basis if by_network or measured else "rule of thumb")

    return upcoming


def _probed_times(workspace: Workspace) -> Times:
    """Times of every trainer by those of CIPA, which is slower than a U-Net."""
    cases = count_cases(workspace)
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
    return Times({"CIPA": timings})


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
