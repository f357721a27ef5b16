import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from unittest.mock import Mock

import psutil
import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import Output, Step, TimeIsUp, Writing
from nnunetv2_cipa.steps.runner import EpochBar
from nnunetv2_cipa.timing.work import Schedule, Training

from .conftest import writes


def test_a_step_runs_once(new_runner, python, tmp_path):
    step = python("count", writes(tmp_path / "count"))
    new_runner().run([step])
    new_runner().run([step])
    assert (tmp_path / "count").read_text() == "x"
    assert list(new_runner().ledger.seconds()) == ["count"]


def test_output_and_environment(new_runner, python, tmp_path):
    step = python("speak", "import os; print(os.environ['GREETING'], os.environ['NAME'], os.environ['EXTRA'])")
    step = replace(step, environment={"NAME": "Ada"})
    new_runner().run([step], lambda step, undone: {"EXTRA": f"{step.name} of {len(undone)}"})
    assert (tmp_path / "logs" / "speak.log").read_text() == "hello Ada speak of 1\n"


def test_needs_decide_the_order(new_runner, python, tmp_path):
    steps = [
        python(name, writes(tmp_path / "order", name), needs=needs)
        for name, needs in (("c", "b"), ("b", "a"), ("a", ""))
    ]
    new_runner().run(steps)
    assert (tmp_path / "order").read_text() == "abc"


def test_a_failed_step_is_named_and_others_go_on(new_runner, python, tmp_path):
    steps = [
        python("fails", "import sys; print('the reason'); sys.exit(3)"),
        python("needs_it", writes(tmp_path / "never"), needs=("fails",)),
        python("independent", writes(tmp_path / "made")),
    ]
    with pytest.raises(InputError, match=r"step fails failed with exit code 3(.|\n)*fails\.log(.|\n)*the reason"):
        new_runner().run(steps)
    assert (tmp_path / "made").exists()
    assert not (tmp_path / "never").exists()
    steps[0] = python("fails", "print('mended')")
    new_runner().run(steps)
    assert (tmp_path / "made").read_text() == "x"
    assert (tmp_path / "never").exists()


def test_a_killed_step_is_said_to_be_killed(new_runner, python):
    with pytest.raises(InputError, match="was killed"):
        new_runner().run([python("large", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")])


def test_little_space_is_said(new_runner, python, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Mock(free=12_000_000))
    with pytest.raises(InputError, match="failed with exit code 1, and only 12 MB are free on the disk"):
        new_runner().run([python("write", "import sys; sys.exit(1)")])


def test_success_without_result_is_a_failure(new_runner, python, tmp_path):
    step = python("lazy", "pass", output=Output((tmp_path / "made",), Writing.BESIDE))
    with pytest.raises(InputError, match=r"ended without leaving .*made"):
        new_runner().run([step])
    assert new_runner().ledger.done("lazy") is None


def test_a_changed_input_repeats_the_step_and_those_that_need_it(new_runner, python, tmp_path):
    (tmp_path / "input").write_text("one")
    first = python("first", writes(tmp_path / "order", "1"), reads=(tmp_path / "input",))
    second = python("second", writes(tmp_path / "order", "2"), needs=("first",))
    other = python("other", writes(tmp_path / "order", "3"))
    for content in ("one", "one", "two"):
        (tmp_path / "input").write_text(content)
        new_runner().run([first, second, other])
    assert (tmp_path / "order").read_text() == "123" + "12"


def test_a_lost_result_is_made_again_and_what_was_made_of_it(new_runner, python, tmp_path):
    first = python("first", writes(tmp_path / "made", "whole"), output=Output((tmp_path / "made",)))
    second = python("second", writes(tmp_path / "order", "2"), needs=("first",))
    new_runner().run([first, second])
    os.truncate(tmp_path / "made", 2)
    new_runner().run([first, second])
    assert (tmp_path / "made").read_text() == "whole"
    assert (tmp_path / "order").read_text() == "22"


def test_what_others_have_made_is_not_touched(new_runner, python, tmp_path):
    (tmp_path / "made").write_text("of the user")
    with pytest.raises(InputError, match="is there already and not of this run"):
        new_runner().run([python("first", writes(tmp_path / "made"), output=Output((tmp_path / "made",)))])
    assert (tmp_path / "made").read_text() == "of the user"


def test_only_the_same_work_is_resumed(new_runner, python, tmp_path):
    (tmp_path / "input").write_text("one")
    code = f"{writes(tmp_path / 'made')}; import sys; sys.exit(1)"
    step = python("train", code, output=Output((tmp_path / "made",), Writing.RESUMED), reads=(tmp_path / "input",))
    for content, expected in (("one", "x"), ("one", "xx"), ("two", "x"), ("two", "xx")):
        (tmp_path / "input").write_text(content)
        with pytest.raises(InputError):
            new_runner().run([step])
        assert (tmp_path / "made").read_text() == expected
    step = replace(step, output=Output(step.output.paths))
    with pytest.raises(InputError):
        new_runner().run([step])
    assert (tmp_path / "made").read_text() == "x"


@pytest.mark.parametrize("kept", [Writing.REPLACED, Writing.BESIDE])
def test_a_complete_result_stays_until_there_is_a_new_one(new_runner, python, tmp_path, kept):
    (tmp_path / "input").write_text("good")
    code = f"""if open({str(tmp_path / "input")!r}).read() == "bad": raise SystemExit(1)
import sys
open(sys.argv[1], "w").write("x")"""
    step = python("convert", code, output=Output((tmp_path / "made",), kept), reads=(tmp_path / "input",))
    step = replace(step, command=(*step.command, str(tmp_path / "made")))
    new_runner().run([step])
    (tmp_path / "input").write_text("bad")
    with pytest.raises(InputError):
        new_runner().run([step])
    assert (tmp_path / "made").read_text() == "x"
    (tmp_path / "input").write_text("good")
    assert step in new_runner().done


def test_a_full_disk_is_one_message(new_runner, python, monkeypatch):
    runner = new_runner()
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(runner.ledger, "ended", Mock(side_effect=full))
    with pytest.raises(InputError, match="No space is left for"):
        runner.run([python("first", "pass")])


def test_time_is_up(new_runner, python):
    runner = new_runner(deadline=time.time() + 0.2)
    with pytest.raises(TimeIsUp) as stopped:
        runner.run([python("long", "import time; time.sleep(60)")])
    assert stopped.value.code == 75
    assert [entry.get("result") for entry in runner.ledger.entries()] == [None, "stopped"]


class FakeJob:
    def __init__(self, step, polls):
        self.step, self.polls, self.stopped = step, polls, False

    def poll(self):
        self.polls -= 1
        return 0 if self.polls < 0 else None

    def stop(self):
        self.stopped = True


class FakeExecutor:
    """A queue with two places that notes how many jobs are in it."""

    capacity = 2

    def __init__(self):
        self.jobs, self.most = [], 0

    def submit(self, step, log, environment):
        self.jobs.append(FakeJob(step, polls=3))
        self.most = max(self.most, sum(job.polls >= 0 for job in self.jobs))
        return self.jobs[-1]


def test_an_executor_is_filled_but_not_overfilled(new_runner):
    executor = FakeExecutor()
    steps = [Step(f"train{n}", ("train",)) for n in range(5)] + [Step("best", ("best",), needs=("train0", "train4"))]
    new_runner(executor).run(steps)
    assert [job.step.name for job in executor.jobs] == [step.name for step in steps]
    assert executor.most == 2


def test_a_needed_step_that_nobody_does_is_a_mistake(new_runner):
    with pytest.raises(ValueError, match="needs plan, which is neither done nor to be done"):
        new_runner().run([Step("train", ("train",), needs=("plan",))])


RUN = """
import os, sys
from pathlib import Path
from nnunetv2_cipa.steps import LocalExecutor, Runner, Step, locked
folder = Path(sys.argv[1])
with locked(folder):
    long = Step("long", (sys.executable, "-S", "-c", sys.argv[2]))
    Runner(folder, os.environ, LocalExecutor()).run([long])
"""


@pytest.fixture
def started(tmp_path):
    """A run in another process, its one step at work; yields that process and the step's."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path), code], stderr=subprocess.PIPE, text=True)
    log = tmp_path / "logs" / "long.log"
    limit = time.monotonic() + 30
    while not log.exists() or not log.read_text().endswith("\n"):
        assert time.monotonic() < limit
        time.sleep(0.05)
    yield run, psutil.Process(int(log.read_text()))
    run.kill()
    run.wait()
    run.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_run_and_step_and_are_written_down(started, new_runner, number):
    run, step = started
    run.send_signal(number)
    _, errors = run.communicate(timeout=20)
    assert run.returncode == 128 + number
    assert f"Stopped by {number.name}. Start the same again to resume." in errors
    assert not step.is_running()
    assert [entry.get("result") for entry in new_runner().ledger.entries()] == [None, "stopped"]


@pytest.mark.slow
def test_what_a_killed_run_has_left_is_ended_by_the_next(started, new_runner, capsys):
    run, step = started
    run.kill()
    run.wait()
    assert step.is_running()
    runner = new_runner()
    assert "Ended 1 processes" in capsys.readouterr().out
    assert not step.is_running()
    assert runner.ledger.done("long") is None
    runner.run([Step("long", (sys.executable, "-S", "-c", "pass"))])
    assert runner.ledger.done("long") is not None


def test_epochs_are_read_from_the_end_of_the_log(tmp_path, capsys):
    log = tmp_path / "log"
    log.write_text("Epoch 7\n")
    bar = EpochBar(Step("train", ("train",), work=Training(schedule=Schedule(9))), log)
    bar.update()
    assert bar._bar.n == 0
    with log.open("a") as file:
        file.write("2026-01-01 00:00:00: Epoch 3 \nEpoch time: 2\nEpoc")
    bar.update()
    assert bar._bar.n == 3
    with log.open("a") as file:
        file.write("h 4 \n")
    bar.update()
    assert bar._bar.n == 4
    bar.close(done=True)
    assert "9/9" in capsys.readouterr().out


def test_other_steps_have_none(tmp_path, capsys):
    bar = EpochBar(Step("plan", ("plan",)), tmp_path / "log")
    bar.update()
    bar.close(done=True)
    assert capsys.readouterr().out == ""
