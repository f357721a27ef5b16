"""Command line options that say where steps are executed: here, or on a cluster."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.planning.schedule import parse_duration
from nnunetv2_cipa.steps import Executor, LocalExecutor, Step

from .distribute import distribute

DEFAULT_JOB_TIME = 24 * 3600.0
DEFAULT_JOBS = 32


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
        "--job-time", type=_duration, metavar="TIME", help="limit of a job, after which it is requeued (default: 24h)"
    )
    group.add_argument("--parts", type=_positive, metavar="N", help="jobs that share a prediction (default: 1)")


def executor_from(arguments: Namespace, folder: Path) -> Executor:
    """The executor that the options ask for, for a run in `folder`.

    Raises:
        InputError: options of a cluster are given without a cluster, submitit is not installed, or there is no SLURM.
    """
    if arguments.cluster is None:
        options = ("partition", "jobs", "gpus", "cpus", "memory", "job_time", "parts")
        given = [f"--{name.replace('_', '-')}" for name in options if getattr(arguments, name) is not None]
        if given:
            raise InputError(f"{', '.join(given)} means nothing without --cluster slurm.")
        return LocalExecutor()
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
    return SlurmExecutor(folder, resources, capacity=arguments.jobs or DEFAULT_JOBS)


def distributed(steps: Iterable[Step], arguments: Namespace) -> list[Step]:
    """The steps as the options ask for: predictions in parts, trainings on several GPUs."""
    return distribute(steps, parts=arguments.parts or 1, gpus=arguments.gpus or 1)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{text} is not positive")
    return number


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
