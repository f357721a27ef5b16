import sys
from argparse import ArgumentParser

import pytest

from nnunetv2_cipa.cluster.options import add_cluster_arguments, distributed, executor_from
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import LocalExecutor, Step


def parsed(*words):
    parser = ArgumentParser()
    add_cluster_arguments(parser)
    return parser.parse_args(words)


def test_here_by_default(tmp_path):
    assert isinstance(executor_from(parsed(), tmp_path), LocalExecutor)
    steps = [Step("predict", ("nnUNetv2_predict",), makes=(tmp_path,))]
    assert distributed(steps, parsed()) == steps


def test_options_of_a_cluster_need_one(tmp_path):
    with pytest.raises(InputError, match="--gpus, --job-time means nothing without --cluster slurm"):
        executor_from(parsed("--gpus", "2", "--job-time", "4h"), tmp_path)


def test_options_reach_slurm(slurm, tmp_path):
    words = ("--partition", "tests", "--jobs", "3", "--gpus", "2", "--cpus", "4", "--memory", "8", "--job-time", "90m")
    executor = executor_from(parsed("--cluster", "slurm", *words), tmp_path)
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
    for name in ("nnunetv2_cipa.cluster.slurm", "nnunetv2_cipa.cluster.task"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InputError, match=r"needs submitit: pip install"):
        executor_from(parsed("--cluster", "slurm"), tmp_path)


@pytest.mark.parametrize("words", [["--gpus", "0"], ["--parts", "x"], ["--job-time", "soon"], ["--cluster", "pbs"]])
def test_bad_values_are_refused(words):
    with pytest.raises(SystemExit):
        parsed(*words)
