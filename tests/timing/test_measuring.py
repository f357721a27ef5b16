import itertools
import json
import subprocess
from pathlib import Path

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.timing import measuring
from nnunetv2_cipa.timing.work import Schedule, Timings

MEASURED = {"iteration": 0.5, "validation_iteration": 0.2, "epoch_end": 1.0}
MEASURED |= {"case": 2.0, "prediction_start": 3.0, "merge": 0.1}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    return tmp_path / "results"


def clock(monkeypatch, *moments):
    monkeypatch.setattr(measuring.time, "perf_counter", itertools.chain(moments).__next__)


def test_what_the_process_takes_besides_is_its_start(results, monkeypatch):
    seen = {}

    def run(command, *, env, **_):
        seen.update(words=command[3:-1], results=env["nnUNet_results"])
        Path(command[-1]).write_text(json.dumps({**MEASURED, "inside": 30.0}))
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(subprocess, "run", run)
    clock(monkeypatch, 100.0, 150.0)
    assert measuring.measure("605", "plans", "trainer", 3, "cpu") == Timings(start=20.0, **MEASURED)
    assert seen["words"] == ["605", "plans", "trainer", "3", "cpu"]
    assert Path(seen["results"]).parent == results
    assert list(results.iterdir()) == []  # nothing is left of the trial


def test_a_trainer_that_fails_is_told_with_its_last_words(results, monkeypatch):
    ended = subprocess.CompletedProcess([], 1, "much\n" * 30 + "torch.OutOfMemoryError: too large")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(InputError, match=r"trainer cannot be measured \(exit code 1\)(.|\n)*OutOfMemoryError"):
        measuring.measure("605", "plans", "trainer", 0, "cuda")
    assert list(results.iterdir()) == []


def test_the_first_iterations_do_not_count(monkeypatch):
    clock(monkeypatch, *range(0, 1000, 3))
    outputs, seconds = measuring._timed(iter(range(100)).__next__)
    assert seconds == 3.0
    assert len(outputs) == measuring.WARM_UP + 4  # more than ten seconds are enough


def test_quick_iterations_are_repeated_up_to_a_limit(monkeypatch):
    clock(monkeypatch, *(number / 100 for number in range(100)))
    outputs, seconds = measuring._timed(iter(range(100)).__next__)
    assert seconds == pytest.approx(0.01)
    assert len(outputs) == measuring.WARM_UP + measuring.MOST_ITERATIONS


def test_the_plan_tells_schedule_and_times(tmp_path):
    timings = Timings(start=1.0, **MEASURED)
    schedule = Schedule(33, 20, 4)
    plan = {"configurations": {"2d": schedule.content()}, "cipa": {}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert measuring.times_of_plan(tmp_path / "plan.json") is None
    plan["cipa"]["measured_seconds"] = measuring.timings_content({"trainer": timings})
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert measuring.schedule_of_plan(tmp_path / "plan.json") == schedule
    times = measuring.times_of_plan(tmp_path / "plan.json")
    assert times.of("trainer") == times.of("one that was added later") == timings
