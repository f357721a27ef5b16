import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from nnunetv2_cipa.steps import LocalExecutor, Output, Writing, run_step
from nnunetv2_cipa.steps.executor import MARK, end_leftovers

WITH_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(20)"])
print(child.pid, flush=True)
time.sleep(20)
"""
"""Ignores the request to end, and so does its child, which inherits that."""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def wait_for_text(log):
    limit = time.monotonic() + 20
    while not log.exists() or not log.read_text().endswith("\n"):
        assert time.monotonic() < limit
        time.sleep(0.02)
    return log.read_text()


def test_output_environment_and_exit_code(python, log):
    step = python("speak", "import os, sys; print(os.environ['A'], os.environ['B'], file=sys.stderr); sys.exit(3)")
    assert run_step(step, log, {"A": "first", "B": "second"}) == 3
    assert log.read_text() == "first second\n"


def test_only_success_moves_what_was_made(python, tmp_path, log):
    made = tmp_path / "made"
    code = "import sys; open(sys.argv[1], 'w').write('x'); sys.exit(int(sys.argv[2]))"
    step = python("make", code, output=Output((made,), Writing.BESIDE))
    for exit_code in (1, 0):
        object.__setattr__(step, "command", (*step.command[:4], str(made), str(exit_code)))
        assert run_step(step, log, {}) == exit_code
        assert made.exists() == (exit_code == 0)


def test_stopping_ends_children_too(python, log):
    job = LocalExecutor().submit(python("family", WITH_CHILD), log, dict(os.environ))
    child = psutil.Process(int(wait_for_text(log)))
    assert job.poll() is None
    job.stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_what_does_not_end_when_asked_is_killed(python, log, monkeypatch):
    monkeypatch.setattr("nnunetv2_cipa.steps.executor.SECONDS_TO_END", 0.3)
    job = LocalExecutor().submit(python("deaf", DEAF), log, dict(os.environ))
    child = psutil.Process(int(wait_for_text(log)))
    job.stop()
    assert job.poll() == -signal.SIGKILL
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_leftovers_of_this_folder_are_ended(tmp_path, log):
    def start(folder):
        environment = {**os.environ, MARK: str(folder)}
        return subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], env=environment)

    ours, others = start(tmp_path), start(tmp_path / "other")
    try:
        assert end_leftovers(tmp_path) == [ours.pid]
        assert others.poll() is None
    finally:
        for process in (ours, others):
            process.kill()
            process.wait()
