from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.planning.schedule import (
    COMMANDS_AFTER_TRAININGS,
    FEWEST_EPOCHS,
    MARGIN,
    SECONDS_FOR_REPORTING,
    Schedule,
    Timings,
    Workload,
    choose_schedule,
    duration,
    parse_duration,
    seconds_after_trainings,
    seconds_besides_epochs,
)

HOUR = 3600.0
GPU = Timings(start=20, iteration=0.2, validation_iteration=0.1, epoch_end=1, case=0.1, prediction_start=10, merge=0.02)
WORK = Workload(folds=5, validation_cases=1000, test_cases=200)


def test_a_long_time_has_nnunets_schedule():
    assert choose_schedule({"one": GPU}, WORK, 1000 * HOUR) == Schedule(1000, 250, 50)


def test_a_shorter_one_has_fewer_epochs_of_the_same_length():
    schedule = choose_schedule({"one": GPU}, WORK, 9 * HOUR)
    assert (schedule.num_iterations_per_epoch, schedule.num_val_iterations_per_epoch) == (250, 50)
    assert FEWEST_EPOCHS < schedule.num_epochs < 1000


def test_a_very_short_one_has_shorter_epochs():
    schedule = choose_schedule({"one": GPU}, WORK, 0.6 * HOUR)
    assert schedule.num_epochs == FEWEST_EPOCHS
    assert schedule.num_iterations_per_epoch < 250


def test_one_that_is_too_short_is_refused():
    with pytest.raises(InputError, match=r"60 s are too short: .* take \d+ min here"):
        choose_schedule({"one": GPU}, WORK, 60)


positive = st.floats(0.01, 20)


@settings(deadline=None)
@given(
    timings=st.lists(st.builds(Timings, *[positive] * 7), min_size=1, max_size=3),
    work=st.builds(Workload, st.integers(1, 5), st.integers(1, 500), st.integers(0, 500), st.integers(1, 3)),
    hours=st.floats(0.1, 500),
)
def test_everything_ends_in_time_with_the_margin(timings, work, hours):
    named = {f"trainer{number}": timing for number, timing in enumerate(timings)}
    try:
        schedule = choose_schedule(named, work, hours * HOUR)
    except InputError:
        least = seconds_besides_epochs(named, work) + sum(
            work.trainings * Schedule(FEWEST_EPOCHS, 1, 1).seconds(timing) for timing in timings
        )
        assert least > hours * HOUR * (1 - MARGIN)
        return
    epochs = sum(work.trainings * schedule.seconds(timing) for timing in timings)
    assert epochs + seconds_besides_epochs(named, work) <= hours * HOUR * (1 - MARGIN) * (1 + 1e-9)


def test_what_comes_after_trainings_is_part_of_what_comes_besides_epochs():
    both = {"one": GPU, "two": GPU}
    assert 0 < seconds_after_trainings(both, WORK) < seconds_besides_epochs(both, WORK)
    assert seconds_besides_epochs(both, WORK) > seconds_besides_epochs({"one": GPU}, WORK)


def test_every_model_and_every_pair_has_processes_to_start():
    for seeds, pairs in ((1, 0), (2, 1), (3, 3)):
        nothing_to_do = replace(WORK, validation_cases=0, test_cases=0, seeds=seeds)
        commands = seeds + COMMANDS_AFTER_TRAININGS + pairs
        expected = commands * GPU.start + seeds * GPU.prediction_start + SECONDS_FOR_REPORTING
        assert seconds_after_trainings({"one": GPU}, nothing_to_do) == pytest.approx(expected)


def test_a_seed_more_costs_as_much_as_a_trainer_more():
    two_seeds = seconds_besides_epochs({"one": GPU}, replace(WORK, seeds=2))
    assert two_seeds == pytest.approx(seconds_besides_epochs({"one": GPU, "other": GPU}, WORK))
    schedules = [choose_schedule({"one": GPU}, replace(WORK, seeds=seeds), 9 * HOUR) for seeds in (1, 2)]
    assert schedules[0].num_epochs > 2 * schedules[1].num_epochs


@pytest.mark.parametrize(
    ("text", "seconds"), [("9h", 9 * HOUR), ("1.5h", 5400), ("90m", 5400), ("600s", 600), (" 2h", 7200)]
)
def test_times_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "9", "h", "-1h", "0s", "infh", "nanh", "9 hours"])
def test_other_texts_are_no_times(text):
    with pytest.raises(ValueError):
        parse_duration(text)


def test_times_are_written():
    assert [duration(seconds) for seconds in (45, 750, 9 * HOUR, 12030)] == [
        "45 s",
        "12 min",
        "9 h 0 min",
        "3 h 20 min",
    ]
