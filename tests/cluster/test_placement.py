import os
import sys
from argparse import ArgumentParser

import pytest

from nnunetv2_cipa.cluster.placement import add_cluster_arguments, distribute, placement_from
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import LocalExecutor, Output, Runner, Step, Writing
from nnunetv2_cipa.timing.work import Prediction, Training


@pytest.fixture
def predict(tmp_path):
    """A stand-in for nnU-Net's command: what counts is which arguments it gets, and what it leaves."""
    program = tmp_path / "nnUNetv2_predict"
    program.write_text(
        '#!/bin/sh\nmkdir -p "$2" && echo "$@" > "$2/case_$6" && touch "$2/plans.json"\n'
        '[ "$3 $5" = "-num_parts -part_id" ]\n'
    )
    program.chmod(0o755)
    folder = tmp_path / "predictions"
    output = Output((folder,), Writing.BESIDE)
    command = (str(program), "-o", str(folder))
    return Step("predict", command, needs=("train",), output=output, work=Prediction(7, trainer="nnUNetTrainer"))


def test_one_part_changes_nothing(predict):
    assert distribute([predict]) == [predict]


@pytest.mark.slow
def test_predictions_in_parts_are_joined(predict, tmp_path):
    train = Step("train", ("true",))
    steps = distribute([train, predict], parts=3)
    assert [step.name for step in steps[1:4]] == [f"predict_part_{number}_of_3" for number in range(3)]
    assert (steps[4].name, steps[4].output) == ("predict", predict.output)
    assert [step.work.cases for step in steps[1:]] == [3, 3, 3, 7]
    assert {step.needs for step in steps[1:4]} == {("train",)}
    Runner(tmp_path, os.environ, LocalExecutor()).run(steps)
    files = sorted(file.name for file in (tmp_path / "predictions").iterdir())
    assert files == ["case_0", "case_1", "case_2", "plans.json"]


def test_trainings_share_gpus(tmp_path):
    train = Step("train", ("/bin/nnUNetv2_train", "1", "2d", "0"), options=("-device", "cuda"), work=Training())
    other = Step("plan", ("/bin/nnUNetv2_plan_and_preprocess",))
    changed, same = distribute([train, other], gpus=4)
    assert changed.options == ("-device", "cuda", "-num_gpus", "4")
    assert changed.command == train.command
    assert same == other


def test_a_training_on_one_gpu_is_a_stock_command(tmp_path):
    train = Step("train", ("/bin/nnUNetv2_train", "1", "2d", "0"), options=("-device", "cuda"), work=Training())
    assert distribute([train], gpus=1) == [train]


def parsed(*words):
    parser = ArgumentParser()
    add_cluster_arguments(parser)
    return parser.parse_args(words)


def test_here_by_default(tmp_path):
    assert isinstance(placement_from(parsed()).executor(tmp_path), LocalExecutor)
    steps = [Step("predict", ("nnUNetv2_predict",), output=Output((tmp_path,)), work=Prediction())]
    assert placement_from(parsed()).distribute(steps) == steps


def test_options_of_a_cluster_need_one(tmp_path):
    with pytest.raises(InputError, match="--gpus, --job-time means nothing without --cluster slurm"):
        placement_from(parsed("--gpus", "2", "--job-time", "4h")).executor(tmp_path)


@pytest.mark.slow
def test_options_reach_slurm(slurm, tmp_path):
    words = ("--partition", "tests", "--jobs", "3", "--gpus", "2", "--cpus", "4", "--memory", "8", "--job-time", "90m")
    executor = placement_from(parsed("--cluster", "slurm", *words)).executor(tmp_path)
    assert executor.capacity == 3
    assert executor._parameters(gpus=2) == {
        "job_name": executor.queue.job_name,
        "time": 90,
        "array_parallelism": 3,
        "additional_parameters": {"requeue": True},
        "partition": "tests",
        "gpus_per_node": 2,
        "cpus_per_task": 4,
        "mem": "8GB",
    }


def test_missing_submitit_is_told(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "nnunetv2_cipa.cluster.slurm", raising=False)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InputError, match=r"needs submitit: pip install"):
        placement_from(parsed("--cluster", "slurm")).executor(tmp_path)


@pytest.mark.parametrize("words", [["--gpus", "0"], ["--parts", "x"], ["--job-time", "soon"], ["--cluster", "pbs"]])
def test_bad_values_are_refused(words):
    with pytest.raises(SystemExit):
        parsed(*words)
