import json
import sys

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.pipeline.steps import Step, StepRunner


@pytest.fixture
def runner(tmp_path):
    return StepRunner(tmp_path, {"GREETING": "hello"})


def python(name, code, epochs=0):
    return Step(name, (sys.executable, "-c", code), epochs)


def test_a_step_runs_once_and_is_remembered(runner, tmp_path):
    step = python("count", f"open({str(tmp_path / 'count')!r}, 'a').write('x')")
    runner.run(step)
    StepRunner(tmp_path, {}).run(step)
    assert (tmp_path / "count").read_text() == "x"
    entry = json.loads(runner.ledger.read_text())
    assert entry["step"] == "count"
    assert entry["command"] == list(step.command)
    assert runner.seconds() == {"count": entry["seconds"]}


def test_output_and_environment_go_to_the_log(runner, tmp_path):
    runner.run(python("speak", "import os, sys; print(os.environ['GREETING']); print('careful', file=sys.stderr)"))
    assert set((tmp_path / "logs" / "speak.log").read_text().split()) == {"hello", "careful"}


def test_a_failed_step_is_named_and_not_remembered(runner, tmp_path):
    with pytest.raises(InputError, match=r"step fail failed with exit code 3(.|\n)*fail\.log(.|\n)*the reason"):
        runner.run(python("fail", "import sys; print('the reason'); sys.exit(3)"))
    assert runner.seconds() == {}
    runner.run(python("fail", "print('mended')"))
    assert list(runner.seconds()) == ["fail"]


def test_progress_follows_the_epochs(runner, capsys):
    runner.run(python("train", "print('2026-01-01 00:00:00: Epoch 0 ')\nprint('Epoch 1 ')", epochs=2))
    assert "2/2" in capsys.readouterr().out
