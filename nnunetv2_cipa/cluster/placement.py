"""Where the steps of a run are executed, and what that makes of them: here one by one, or as jobs of a cluster."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nnunetv2_cipa.arguments import duration_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.steps import Executor, LocalExecutor, Output, Step, Writing
from nnunetv2_cipa.timing.work import Prediction, Training, Work

DEFAULT_JOB_TIME = 24 * 3600.0
DEFAULT_JOBS = 32
_OF_A_CLUSTER = ("partition", "jobs", "gpus", "cpus", "memory", "job_time", "parts")


@dataclass(frozen=True)
class Placement:
    """Where steps are executed: here, one at a time, if nothing else is said.

    Attributes:
        executor: makes the executor of a run in a folder, once the folder is that run's.
        distribute: makes steps for it of steps for one machine.
    """

    executor: Callable[[Path], Executor] = lambda folder: LocalExecutor()
    distribute: Callable[[Sequence[Step]], list[Step]] = list


HERE = Placement()


def add_cluster_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("cluster")
    group.add_argument("--cluster", choices=("slurm",), help="execute the steps as jobs (default: here, one by one)")
    group.add_argument("--partition", metavar="NAME", help="where to submit to (default: the cluster's default)")
    group.add_argument("--jobs", type=_positive, metavar="N", help=f"at a time (default: {DEFAULT_JOBS})")
    group.add_argument(
        "--gpus", type=_positive, metavar="N", help="of each job with -device cuda; trainings share theirs (default: 1)"
    )
    group.add_argument("--cpus", type=_positive, metavar="N", help="of each job (default: the cluster's default)")
    group.add_argument("--memory", type=_positive, metavar="GB", help="of each job (default: the cluster's default)")
    group.add_argument(
        "--job-time",
        type=duration_argument,
        metavar="TIME",
        help="limit of a job, after which it is requeued (default: 24h)",
    )
    group.add_argument("--parts", type=_positive, metavar="N", help="jobs that share a prediction (default: 1)")


def placement_from(arguments: Namespace) -> Placement:
    """The placement that the options ask for.

    Raises:
        InputError: options of a cluster are given without a cluster, or submitit is not installed.
    """
    if arguments.cluster is None:
        given = [f"--{name.replace('_', '-')}" for name in _OF_A_CLUSTER if getattr(arguments, name) is not None]
        if given:
            raise InputError(f"{', '.join(given)} means nothing without --cluster slurm.")
        return HERE
    try:
        from .slurm import Resources, SlurmExecutor
    except ModuleNotFoundError as error:
        raise InputError("--cluster slurm needs submitit: pip install 'nnunetv2-cipa[cluster]'.") from error
    resources = Resources(
        minutes=max(1, round((arguments.job_time or DEFAULT_JOB_TIME) / 60)),
        partition=arguments.partition,
        gpus=arguments.gpus or 1,
        cpus=arguments.cpus,
        memory=arguments.memory,
    )
    return Placement(
        partial(SlurmExecutor, resources=resources, capacity=arguments.jobs or DEFAULT_JOBS),
        partial(distribute, parts=arguments.parts or 1, gpus=arguments.gpus or 1),
    )


def distribute(steps: Sequence[Step], *, parts: int = 1, gpus: int = 1) -> list[Step]:
    """Make steps for several machines or GPUs of some for one; names and what they leave stay the same.

    Args:
        steps: of which trainings and predictions are changed.
        parts: for nnU-Net's `-num_parts` of each prediction; a last step, of its name, brings them together.
        gpus: for nnU-Net's `-num_gpus` of each training.
    """
    distributed: list[Step] = []
    for step in steps:
        if isinstance(step.work, Training) and gpus > 1:
            distributed.append(replace(step, options=(*step.options, "-num_gpus", str(gpus))))
        elif isinstance(step.work, Prediction) and parts > 1:
            distributed += _in_parts(step, step.work, parts)
        else:
            distributed.append(step)
    return distributed


def _in_parts(step: Step, work: Prediction, parts: int) -> list[Step]:
    """A step for each part, in a folder of its own, and one that joins the folders."""
    [folder] = step.output.paths
    predictions: list[Step] = []
    for number in range(parts):
        place = folder.with_name(f"{folder.name}_part_{number}_of_{parts}")
        words = (str(place) if word == str(folder) else word for word in step.command)
        part = replace(
            step,
            name=f"{step.name}_part_{number}_of_{parts}",
            command=(*words, "-num_parts", str(parts), "-part_id", str(number)),
            output=Output((place,), step.output.writing),
            work=replace(work, cases=-(-work.cases // parts)),
        )
        predictions.append(part)
    folders = [str(part.output.paths[0]) for part in predictions]
    join = (sys.executable, "-m", "nnunetv2_cipa.cluster.join", "-o", str(folder), "-i", *folders)
    names = tuple(part.name for part in predictions)
    output = Output((folder,), Writing.BESIDE, step.output.proof)
    return [*predictions, Step(step.name, join, needs=names, output=output, work=Work(work.cases))]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{text} is not positive")
    return number
