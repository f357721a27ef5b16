"""Steps made of tiny programs, and a runner in a temporary folder."""

import os
import sys

import pytest

from nnunetv2_cipa.steps import LocalExecutor, Runner, Step


@pytest.fixture
def python():
    """Make a step of some lines of Python."""

    def make(name, code, **attributes):
        return Step(name, (sys.executable, "-S", "-c", code), **attributes)

    return make


@pytest.fixture
def new_runner(tmp_path, monkeypatch):
    """Make a runner as a new start of the same run would, with quick polling."""
    monkeypatch.setattr("nnunetv2_cipa.steps.runner.POLL_SECONDS", 0.01)

    def make(executor=None, **options):
        environment = {"PATH": os.environ["PATH"], "GREETING": "hello"}
        return Runner(tmp_path, environment, executor or LocalExecutor(), **options)

    return make


def writes(path, text="x"):
    """Program that appends to a file."""
    return f"open({str(path)!r}, 'a').write({text!r})"
