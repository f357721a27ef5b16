from nnunetv2_cipa.timing.work import Prediction, Schedule, Times, Timings, Training, Work, duration

HOUR = 3600.0
SLOW = Timings(start=20, iteration=2, validation_iteration=1, epoch_end=1, case=3, prediction_start=10, merge=0.2)
QUICK = Timings(start=30, iteration=0.2, validation_iteration=0.1, epoch_end=1, case=1, prediction_start=5, merge=0.1)
TIMES = Times({"slow": SLOW, "quick": QUICK})


def test_a_trainer_that_was_not_measured_is_as_slow_as_the_slowest():
    assert (TIMES.of("quick"), TIMES.of("other")) == (QUICK, SLOW)
    assert (TIMES.start, TIMES.merge) == (30, 0.2)


def test_a_command_starts_and_handles_cases():
    assert Work(10, starts=3, fixed_seconds=60).seconds(TIMES) == 3 * 30 + 10 * 0.2 + 60


def test_a_prediction_takes_what_its_trainer_takes():
    assert Prediction(10, trainer="quick").seconds(TIMES) == 30 + 5 + 10 * 1


def test_a_training_has_epochs_and_validation():
    training = Training(4, trainer="quick", schedule=Schedule(2, 10, 5))
    assert training.seconds_besides_epochs(TIMES) == 30 + 5 + 4
    assert training.seconds(TIMES) == 39 + 2 * (10 * 0.2 + 5 * 0.1 + 1)


def test_times_are_written():
    assert [duration(seconds) for seconds in (45, 750, 9 * HOUR, 12030)] == [
        "45 s",
        "12 min",
        "9 h 0 min",
        "3 h 20 min",
    ]
