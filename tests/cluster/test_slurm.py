"""Against a real SLURM of one node, see conftest.py."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from nnunetv2_cipa.cluster.slurm import Resources, SlurmExecutor
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import Output, Runner, Step, Writing
from nnunetv2_cipa.timing.work import Work

pytestmark = pytest.mark.slow

RESOURCES = Resources(minutes=5, cpus=1)
SECONDS = 90


@pytest.fixture
def executor(slurm, tmp_path):
    return SlurmExecutor(tmp_path, RESOURCES, poll_seconds=0.3)


def shell(name, script, **more):
    return Step(name, ("/bin/sh", "-c", script, *more.pop("words", ())), **more)


def wait_for(condition, what):
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.2)


def code_of(job):
    """Wait for a job as the runner does."""
    wait_for(lambda: job.poll() is not None, "the job did not end")
    return job.poll()


def marked_process(folder, words):
    """A process of a job of this run whose command line holds `words`."""
    found = [p for p in psutil.process_iter(["cmdline", "environ"]) if words in " ".join(p.info["cmdline"] or ())]
    return [p for p in found if (p.info["environ"] or {}).get("PLACE") == str(folder)]


def test_a_run_with_a_job_killed_midway_finishes_complete(executor, tmp_path):
    """A training of four epochs is killed with its job in the second one; what is done is not repeated."""
    count = f'echo "$1" >> {tmp_path}/order'
    epochs = f"""
        for epoch in 1 2 3 4; do
            [ $(wc -l < {tmp_path}/epochs || echo 0) -ge $epoch ] && continue
            echo $epoch >> {tmp_path}/epochs
            if [ $epoch = 2 ]; then kill -9 $(ps -o ppid= -p $$); kill -9 $$; fi
        done 2> /dev/null
    """
    steps = [
        shell(
            "plan", f"{count}; echo made > {tmp_path}/plan", words=("sh", "plan"), output=Output((tmp_path / "plan",))
        ),
        shell(
            "other",
            f"{count}; echo made > {tmp_path}/other",
            words=("sh", "other"),
            output=Output((tmp_path / "other",)),
        ),
        shell("train", epochs, needs=("plan",), output=Output((tmp_path / "epochs",), Writing.RESUMED)),
        shell(
            "predict",
            f'{count}; cp {tmp_path}/epochs "$2"',
            words=("sh", "predict", str(tmp_path / "predictions")),
            needs=("train",),
            output=Output((tmp_path / "predictions",), Writing.BESIDE),
        ),
    ]
    Runner(tmp_path, os.environ, executor).run(steps)
    assert (tmp_path / "predictions").read_text().split() == ["1", "2", "3", "4"]
    assert sorted((tmp_path / "order").read_text().split()) == ["other", "plan", "predict"]
    log = (tmp_path / "logs" / "train.log").read_text()
    assert "died" in log
    assert "attempt 2" in log
    again = SlurmExecutor(tmp_path, RESOURCES, poll_seconds=0.3)
    Runner(tmp_path, os.environ, again).run(steps)
    assert len((tmp_path / "order").read_text().split()) == 3


def test_steps_ready_together_are_an_array_and_only_gpu_steps_get_gpus(executor, tmp_path):
    show = 'echo "$SLURM_ARRAY_JOB_ID/$SLURM_ARRAY_TASK_ID/$CUDA_VISIBLE_DEVICES/$COLOUR/$SIZE"'
    gpu = Work(gpu=True)
    environment = {**os.environ, "COLOUR": "red"}
    steps = [
        shell("cpu_0", show, environment={"SIZE": "1"}),
        shell("gpu_0", show, work=gpu),
        shell("cpu_1", show),
        shell("gpu_1", show, work=gpu),
    ]
    jobs = [executor.submit(step, tmp_path / f"{step.name}.log", environment) for step in steps]
    assert [code_of(job) for job in jobs] == [0, 0, 0, 0]
    said = {step.name: (tmp_path / f"{step.name}.log").read_text().split()[-1].split("/") for step in steps}
    assert said["cpu_0"][0] == said["cpu_1"][0] != said["gpu_0"][0] == said["gpu_1"][0]
    assert [said[name][1] for name in ("cpu_0", "cpu_1", "gpu_0", "gpu_1")] == ["0", "1", "0", "1"]
    assert said["cpu_0"][2:] == ["", "red", "1"]
    assert {said["gpu_0"][2], said["gpu_1"][2]} <= {"0", "1"}


def test_a_failed_command_is_reported_and_not_tried_again(executor, tmp_path):
    job = executor.submit(shell("fail", "echo the reason; exit 3"), tmp_path / "log", os.environ)
    assert code_of(job) == 3
    assert (tmp_path / "log").read_text().count("the reason") == 1


@pytest.mark.parametrize("how", ["end of time", "preemption"])
def test_a_requeued_job_goes_on(executor, tmp_path, how):
    """Its first attempt sleeps until it is ended; the second finds what the first has left."""
    script = f"[ -e {tmp_path}/checkpoint ] && exit 0; touch {tmp_path}/checkpoint; sleep 1000"
    step = shell("train", script, output=Output((tmp_path / "checkpoint",), Writing.RESUMED))
    job = executor.submit(step, tmp_path / "log", os.environ)
    job.poll()
    wait_for((tmp_path / "checkpoint").exists, "the job did not start")
    number = job.submitted.job_id
    if how == "end of time":
        subprocess.run(["scancel", number, "--signal=USR2"], check=True)
    else:
        subprocess.run(["scontrol", "requeue", number], check=True)
    assert code_of(job) == 0
    assert job.submitted.job_id == number


def test_what_dies_again_and_again_is_given_up(slurm, tmp_path):
    executor = SlurmExecutor(tmp_path, RESOURCES, poll_seconds=0.3, retries=1)
    job = executor.submit(shell("die", "echo tried; kill -9 $$"), tmp_path / "log", os.environ)
    assert code_of(job) == -signal.SIGKILL
    log = (tmp_path / "log").read_text()
    assert log.count("tried") == 2
    assert "as 1 before" in log


def test_a_stopped_job_leaves_nothing(executor, tmp_path):
    step = shell("sleep", f"touch {tmp_path}/started; sleep 1000.5")
    job = executor.submit(step, tmp_path / "log", {**os.environ, "PLACE": str(tmp_path)})
    job.poll()
    wait_for((tmp_path / "started").exists, "the job did not start")
    assert marked_process(tmp_path, "sleep 1000.5")
    job.stop()
    assert executor.queue.unfinished() == []
    wait_for(lambda: not marked_process(tmp_path, "sleep 1000.5"), "the process is still there")


def test_jobs_of_a_killed_run_are_cancelled(executor, tmp_path, capsys):
    executor.submit(shell("sleep", "sleep 1000"), tmp_path / "log", os.environ).poll()
    [left] = executor.queue.unfinished()
    assert SlurmExecutor(tmp_path, RESOURCES, poll_seconds=0.3).queue.unfinished() == []
    assert left in capsys.readouterr().out


def test_a_job_that_waits_is_not_submitted_once_stopped(executor, tmp_path):
    executor.submit(shell("never", "exit 1"), tmp_path / "log", os.environ).stop()
    executor.flush()
    assert executor.queue.unfinished() == []


def test_what_slurm_refuses_is_told(slurm, tmp_path):
    executor = SlurmExecutor(tmp_path, Resources(minutes=5, partition="nowhere"))
    job = executor.submit(shell("x", "exit 0"), tmp_path / "log", os.environ)
    with pytest.raises(InputError, match=r"nowhere|partition"):
        job.poll()


def test_no_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="srun is not on the PATH"):
        SlurmExecutor(tmp_path, RESOURCES)
