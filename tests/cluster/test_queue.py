"""SLURM's answers, from programs that stand in for `squeue` and `scancel`."""

import pytest

from nnunetv2_cipa.cluster.queue import GONE, SlurmQueue

SQUEUE = """#!/bin/sh
echo "$@" >> {folder}/asked
[ -e {folder}/down ] && exit 1
cat {folder}/states
"""
SCANCEL = """#!/bin/sh
echo "$@" > {folder}/cancelled
[ -e {folder}/stubborn ] || : > {folder}/states
"""


@pytest.fixture
def controller(tmp_path, monkeypatch):
    """A folder whose file `states` is what squeue prints."""
    for name, script in (("squeue", SQUEUE), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(script.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "states").write_text("7_0 RUNNING\n7_1 PENDING\n8_0 COMPLETED\n8_1 REQUEUED\n9_0 TIMEOUT\n")
    return tmp_path


def times_asked(controller):
    return len((controller / "asked").read_text().splitlines())


def test_states_are_those_that_squeue_prints(controller):
    queue = SlurmQueue("cipa-1", 60)
    assert [queue.state(job) for job in ("7_0", "8_0", "6_0")] == ["RUNNING", "COMPLETED", GONE]
    assert [job for job in ("7_0", "7_1", "8_0", "8_1", "9_0", "6_0") if queue.is_over(job)] == ["8_0", "9_0", "6_0"]
    assert queue.unfinished() == ["7_0", "7_1", "8_1"]
    assert "--me" in (controller / "asked").read_text()
    assert "--name=cipa-1" in (controller / "asked").read_text()


def test_the_controller_is_asked_once_in_a_while(controller):
    queue = SlurmQueue("cipa-1", 60)
    assert queue.state("7_0") == queue.state("7_0") == "RUNNING"
    assert times_asked(controller) == 1
    (controller / "states").write_text("7_0 COMPLETED\n")
    assert queue.state("7_0") == "RUNNING"
    queue.forget()
    assert queue.state("7_0") == "COMPLETED"
    assert times_asked(controller) == 2


def test_without_an_answer_the_last_one_holds(controller):
    queue = SlurmQueue("cipa-1", 0)
    assert queue.state("7_0") == "RUNNING"
    (controller / "down").touch()
    assert queue.state("7_0") == "RUNNING"
    (controller / "down").unlink()
    (controller / "states").write_text("")
    assert queue.state("7_0") == GONE


def test_only_unfinished_jobs_are_cancelled(controller):
    SlurmQueue("cipa-1", 0).cancel(["7_0", "8_0", "8_1"], timeout=10)
    assert (controller / "cancelled").read_text().split() == ["7_0", "8_1"]


def test_with_nothing_to_cancel_slurm_is_left_alone(controller):
    SlurmQueue("cipa-1", 0).cancel(["8_0", "6_0"], timeout=10)
    assert not (controller / "cancelled").exists()


def test_jobs_that_stay_are_told(controller):
    (controller / "stubborn").touch()
    with pytest.raises(TimeoutError, match="has not ended the jobs 7_1 within 0 seconds"):
        SlurmQueue("cipa-1", 0).cancel(["7_1", "8_0"], timeout=0)
