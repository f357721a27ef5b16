import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.timing.budget import FEWEST_EPOCHS, MARGIN, TimeBudget, choose_schedule
from nnunetv2_cipa.timing.work import Prediction, Schedule, Times, Timings, Training, Work

HOUR = 3600.0
GPU = Timings(start=20, iteration=0.2, validation_iteration=0.1, epoch_end=1, case=0.1, prediction_start=10, merge=0.02)
TIMES = Times({"one": GPU})
WORKS = [*[Training(200, trainer="one")] * 5, Prediction(1000, trainer="one"), *[Work(200)] * 7]


def test_a_long_time_has_nnunets_schedule():
    assert choose_schedule(WORKS, TIMES, 1000 * HOUR) == Schedule(1000, 250, 50)


def test_a_shorter_one_has_fewer_epochs_of_the_same_length():
    schedule = choose_schedule(WORKS, TIMES, 9 * HOUR)
    assert (schedule.num_iterations_per_epoch, schedule.num_val_iterations_per_epoch) == (250, 50)
    assert FEWEST_EPOCHS < schedule.num_epochs < 1000


def test_a_very_short_one_has_shorter_epochs():
    schedule = choose_schedule(WORKS, TIMES, 0.6 * HOUR)
    assert schedule.num_epochs == FEWEST_EPOCHS
    assert schedule.num_iterations_per_epoch < 250


def test_one_that_is_too_short_is_refused():
    with pytest.raises(InputError, match=r"60 s are too short: .* take \d+ min here"):
        choose_schedule(WORKS, TIMES, 60)


def test_another_step_leaves_less_time_for_the_epochs():
    more = [*WORKS, Work(fixed_seconds=HOUR)]
    before, after = (choose_schedule(works, TIMES, 9 * HOUR) for works in (WORKS, more))
    assert (before.num_epochs - after.num_epochs) * Schedule(5).seconds(GPU) == pytest.approx(HOUR, rel=0.2)


positive = st.floats(0.01, 20)
cases = st.integers(0, 500)
trainers = st.sampled_from(["trainer0", "trainer1", "trainer2", "not measured"])


@given(
    timings=st.lists(st.builds(Timings, *[positive] * 7), min_size=1, max_size=3),
    trainings=st.lists(st.builds(Training, cases, trainer=trainers), min_size=1, max_size=6),
    others=st.lists(
        st.builds(Work, st.integers(0, 500)) | st.builds(Prediction, st.integers(0, 500), trainer=trainers)
    ),
    hours=st.floats(0.1, 500),
)
def test_everything_ends_in_time_with_the_margin(timings, trainings, others, hours):
    times = Times({f"trainer{number}": timing for number, timing in enumerate(timings)})
    works, least = [*trainings, *others], Schedule(FEWEST_EPOCHS, 1, 1)

    def seconds(schedule):
        with_schedule = [replace(work, schedule=schedule) if isinstance(work, Training) else work for work in works]
        return sum(work.seconds(times) for work in with_schedule)

    try:
        schedule = choose_schedule(works, times, hours * HOUR)
    except InputError:
        assert seconds(least) > hours * HOUR * (1 - MARGIN)
        return
    assert seconds(schedule) <= hours * HOUR * (1 - MARGIN) * (1 + 1e-9)


BUDGET = 4 * HOUR
AFTER = [Prediction(40, trainer="one"), *[Work(20)] * 7]


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

    monkeypatch.setattr(time, "time", lambda: Clock.now)
    return Clock


def planned(number):
    """Trainings on the longest schedule that fits the budget."""
    undone = [Training(20, trainer="one")] * number
    schedule = choose_schedule([*undone, *AFTER], TIMES, BUDGET)
    return [replace(training, schedule=schedule) for training in undone]


@pytest.fixture
def trainings():
    return planned(4)


def after_seconds():
    return sum(work.seconds(TIMES) for work in AFTER)


@pytest.mark.parametrize("number", [4, 12])
def test_as_measured_nothing_is_shortened_and_all_ends_in_time(number, clock):
    trainings = planned(number)
    budget = TimeBudget(BUDGET, TIMES, AFTER)
    for number, training in enumerate(trainings):
        until = budget.train_until(training, trainings[number:])
        clock.now += GPU.start + training.schedule.seconds(GPU)
        assert clock.now <= until
        clock.now += GPU.prediction_start + 20 * GPU.case
    assert 0.8 * BUDGET < clock.now + after_seconds() < BUDGET


def test_on_a_machine_twice_as_slow_the_trainings_share_what_is_left(trainings, clock):
    budget = TimeBudget(BUDGET, TIMES, AFTER)
    taken = []
    for number, training in enumerate(trainings):
        until = budget.train_until(training, trainings[number:])
        needed = 2 * (GPU.start + training.schedule.seconds(GPU))
        taken.append(min(needed, until - clock.now))
        clock.now += taken[-1] + 2 * (GPU.prediction_start + 20 * GPU.case)
    assert max(taken) < 1.1 * min(taken)
    assert clock.now + after_seconds() < BUDGET


def test_trainings_at_the_same_time_all_have_the_whole_time(trainings, clock):
    one, together = (TimeBudget(BUDGET, TIMES, AFTER, parallel) for parallel in (1, len(trainings)))
    alone = one.train_until(trainings[0], trainings)
    assert together.train_until(trainings[0], trainings) > 0.85 * len(trainings) * alone


def test_when_the_time_is_over_training_ends_at_once(trainings, clock):
    clock.now = BUDGET + 100
    assert TimeBudget(BUDGET, TIMES, AFTER).train_until(trainings[0], trainings) == clock.now + GPU.start
