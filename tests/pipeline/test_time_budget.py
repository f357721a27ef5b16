import time
from dataclasses import replace

import pytest

from nnunetv2_cipa.pipeline import graph
from nnunetv2_cipa.pipeline.choices import Choices
from nnunetv2_cipa.pipeline.time_budget import PlannedTimes, TimeBudget, read_planned_times
from nnunetv2_cipa.planning.schedule import Schedule, Workload, choose_schedule, seconds_after_trainings

from .conftest import TIMINGS, write_plan

TRAINERS = ("nnUNetTrainerCIPA_planned", "nnUNetTrainer_planned")
WORK = Workload(folds=2, validation_cases=40, test_cases=20)
BUDGET = 4 * 3600.0


@pytest.fixture
def plan():
    measured = dict.fromkeys(TRAINERS, TIMINGS)
    return PlannedTimes(choose_schedule(measured, WORK, BUDGET), measured)


@pytest.fixture
def trainings(workspace):
    return graph.trainings(workspace, Choices(TRAINERS, (0, 1)), dict.fromkeys(TRAINERS, Schedule()))


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

    monkeypatch.setattr(time, "time", lambda: Clock.now)
    return Clock


def test_as_measured_nothing_is_shortened_and_all_ends_in_time(plan, trainings, clock):
    budget = TimeBudget(BUDGET, plan, WORK)
    for number, step in enumerate(trainings):
        until = budget.train_until(step, trainings[number:])
        clock.now += TIMINGS.start + plan.schedule.seconds(TIMINGS)
        assert clock.now <= until
        clock.now += TIMINGS.prediction_start + 20 * TIMINGS.case
    assert clock.now + seconds_after_trainings(plan.measured, WORK) < BUDGET


def test_seeds_share_the_time_too(workspace, clock):
    work = replace(WORK, seeds=3)
    plan = PlannedTimes(
        choose_schedule(dict.fromkeys(TRAINERS, TIMINGS), work, BUDGET), dict.fromkeys(TRAINERS, TIMINGS)
    )
    choices = Choices(TRAINERS, (0, 1), seeds=(0, 1, 2))
    trainings = graph.trainings(workspace, choices, dict.fromkeys(TRAINERS, Schedule()))
    assert len(trainings) == 12
    budget = TimeBudget(BUDGET, plan, work)
    for number, step in enumerate(trainings):
        until = budget.train_until(step, trainings[number:])
        clock.now += TIMINGS.start + plan.schedule.seconds(TIMINGS)
        assert clock.now <= until
        clock.now += TIMINGS.prediction_start + 20 * TIMINGS.case
    assert 0.8 * BUDGET < clock.now + seconds_after_trainings(plan.measured, work) < BUDGET


def test_on_a_machine_twice_as_slow_the_trainings_share_what_is_left(plan, trainings, clock):
    budget = TimeBudget(BUDGET, plan, WORK)
    taken = []
    for number, step in enumerate(trainings):
        until = budget.train_until(step, trainings[number:])
        needed = 2 * (TIMINGS.start + plan.schedule.seconds(TIMINGS))
        taken.append(min(needed, until - clock.now))
        clock.now += taken[-1] + 2 * (TIMINGS.prediction_start + 20 * TIMINGS.case)
    assert max(taken) < 1.1 * min(taken)
    assert clock.now + seconds_after_trainings(plan.measured, WORK) < BUDGET


def test_trainings_at_the_same_time_all_have_the_whole_time(plan, trainings, clock):
    one, together = (TimeBudget(BUDGET, plan, WORK, parallel) for parallel in (1, 4))
    assert together.train_until(trainings[0], trainings) > 3.5 * one.train_until(trainings[0], trainings)


def test_when_the_time_is_over_training_ends_at_once(plan, trainings, clock):
    clock.now = BUDGET + 100
    assert TimeBudget(BUDGET, plan, WORK).train_until(trainings[0], trainings) == clock.now + TIMINGS.start


def test_the_plan_tells_schedule_and_times(tmp_path):
    write_plan(tmp_path / "plan.json", TRAINERS[0], num_epochs=33, num_iterations_per_epoch=20)
    times = read_planned_times(tmp_path / "plan.json")
    assert (times.schedule.num_epochs, times.schedule.num_iterations_per_epoch) == (33, 20)
    assert times.timings(TRAINERS[0]) == times.timings("one that was added later") == TIMINGS
