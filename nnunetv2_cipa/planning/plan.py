"""`nnUNetv2_cipa plan`: a plans file of its own, made from nnU-Net's, that `nnUNetv2_train -p` uses."""

import math
import subprocess
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import torch
from nnunetv2.paths import nnUNet_raw
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

from nnunetv2_cipa.dataset_conversion.raw_dataset import Normalization
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import VARIANTS
from nnunetv2_cipa.training.nnUNetTrainerCIPA import nnUNetTrainerCIPA

from .fit import SMALLEST_BATCH, available_memory, fit_to_memory
from .normalization import normalized
from .plans_files import OWN_PLANS, STOCK_PLANS, preprocessed_folder, read_json, write_plans
from .schedule import Schedule, Timings, Workload, choose_schedule, duration, parse_duration
from .seeds import add_seeds_argument
from .timing import CONFIGURATION, measure, timings_content

NNUNET_FOLDS = 5


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-d", required=True, metavar="ID", help="dataset, planned by nnUNetv2_plan_and_preprocess")
    parser.add_argument("-p", default=STOCK_PLANS, metavar="PLANS", help="plans to start from (default: %(default)s)")
    parser.add_argument(
        "-overwrite_plans_name", default=OWN_PLANS, metavar="PLANS", help="name of the new plans (default: %(default)s)"
    )
    parser.add_argument(
        "-tr",
        nargs="+",
        default=["nnUNetTrainerCIPA_planned"],
        metavar="TRAINER",
        help="trainers that are to use the plan (default: nnUNetTrainerCIPA_planned)",
    )
    parser.add_argument(
        "-f", nargs="+", type=int, default=[0, 1, 2, 3, 4], metavar="FOLD", help="folds to be trained (default: 0 to 4)"
    )
    add_seeds_argument(parser)
    parser.add_argument(
        "--normalization",
        choices=get_args(Normalization),
        default="stock",
        help="stock: as nnU-Net has planned; fixed: 8-bit images divided by 255 (default: %(default)s)",
    )
    parser.add_argument(
        "--time-budget",
        type=duration_argument,
        metavar="TIME",
        help="such as 9h: measure the trainers here and plan as many epochs as all trainings, their validation, "
        "prediction and comparison can have in that time (default: nnU-Net's 1000 epochs)",
    )
    parser.add_argument(
        "-device",
        choices=("cpu", "cuda", "mps"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="what is fitted to and measured on; default here: %(default)s",
    )
    parser.add_argument(
        "-np", type=int, default=4, metavar="N", help="processes, if preprocessing is needed (default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace plans of that name")


def run(arguments: Namespace) -> None:
    """Make the plan, preprocess where the stock plan's data cannot be shared, measure, and print what came of it."""
    start = time.monotonic()
    folder = preprocessed_folder(arguments.d)
    target = folder / f"{arguments.overwrite_plans_name}.json"
    if target.name == f"{arguments.p}.json":
        raise InputError(f"{target} is the plan to start from. Choose another -overwrite_plans_name.")
    if target.exists() and not arguments.overwrite:
        raise InputError(f"{target} exists already. Pass --overwrite to replace it.")
    stock = read_json(folder / f"{arguments.p}.json")
    plans = fitted_plans(stock, arguments.overwrite_plans_name, arguments.tr, arguments.device)
    plans = normalized(plans, arguments.normalization, CONFIGURATION)
    write_plans(target, plans, overwrite=True)
    if _data_identifier(plans) != _data_identifier(stock):
        _preprocess(folder, plans["plans_name"], arguments.np)
    if arguments.time_budget is not None:
        plans = _scheduled(target, plans, arguments, start)
    print(f"\n{target}\n{_summary(plans)}")
    print(f"\nNext: nnUNetv2_train {arguments.d} {CONFIGURATION} FOLD -p {plans['plans_name']} -tr {arguments.tr[0]}")


def fitted_plans(stock: dict[str, Any], name: str, trainers: Sequence[str], device: str) -> dict[str, Any]:
    """Plans with the 2d configuration only, its batch and patch fitted to the largest CIPA among the trainers.

    The data of the stock plan are used, as what is preprocessed depends on neither.

    Raises:
        InputError: the plans have no 2d configuration, there is no such trainer, or the memory is too small.
    """
    if CONFIGURATION not in stock["configurations"]:
        raise InputError(f"{stock['plans_name']} has no configuration {CONFIGURATION}, and CIPA is a 2D network.")
    configuration = {**stock["configurations"][CONFIGURATION], **Schedule().content()}
    own: dict[str, Any] = {"stock_plans": stock["plans_name"]}
    variants = {trainer.variant for trainer in map(_trainer_class, trainers) if issubclass(trainer, nnUNetTrainerCIPA)}
    if variants:
        largest = max(variants, key=list(VARIANTS).index)
        strides = configuration["architecture"]["arch_kwargs"]["strides"]
        divisors = [math.prod(stride[axis] for stride in strides) for axis in (0, 1)]
        batch_size, patch_size = configuration["batch_size"], configuration["patch_size"]
        memory = available_memory(torch.device(device))
        fit = fit_to_memory(largest, batch_size, patch_size, divisors, memory)
        configuration |= {"batch_size": fit.batch_size, "patch_size": list(fit.patch_size)}
        own |= {"variant": largest, "device": device, **asdict(fit)}
    return {**stock, "plans_name": name, "configurations": {CONFIGURATION: configuration}, "cipa": own}


def duration_argument(text: str) -> float:
    """Seconds of a --time-budget."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _scheduled(target: Path, plans: dict[str, Any], arguments: Namespace, start: float) -> dict[str, Any]:
    """Measure the trainers, with smaller batches where memory does not suffice, and write the schedule to the plan.

    The time budget counts from `start`, so that what planning itself takes is part of it.
    """
    configuration = plans["configurations"][CONFIGURATION]
    trainers = list(dict.fromkeys(arguments.tr))
    timings: dict[str, Timings] = {}
    while len(timings) < len(trainers):
        trainer = trainers[len(timings)]
        print(f"Measuring {trainer} with a batch of {configuration['batch_size']}", flush=True)
        try:
            timings[trainer] = measure(arguments.d, plans["plans_name"], trainer, arguments.f[0], arguments.device)
        except InputError as error:
            if "OutOfMemoryError" not in str(error) or configuration["batch_size"] <= SMALLEST_BATCH:
                raise
            configuration["batch_size"] = max(SMALLEST_BATCH, configuration["batch_size"] // 2)
            timings.clear()
            write_plans(target, plans, overwrite=True)
    raw = Path(nnUNet_raw.get() or "", target.parent.name)
    workload = count_workload(target.parent, raw, arguments.f, seeds=len(set(arguments.seeds)))
    schedule = choose_schedule(timings, workload, arguments.time_budget - (time.monotonic() - start))
    configuration |= schedule.content()
    plans["cipa"] |= {"time_budget_seconds": arguments.time_budget, "measured_seconds": timings_content(timings)}
    write_plans(target, plans, overwrite=True)
    return plans


def count_workload(preprocessed: Path, raw: Path, folds: Sequence[int], *, seeds: int = 1) -> Workload:
    """Count the cases that are to be validated and predicted.

    Args:
        preprocessed: the dataset's folder in nnUNet_preprocessed.
        raw: its folder in nnUNet_raw; without imagesTs nothing is predicted.
        folds: to be trained.
        seeds: number of them; each fold is trained with each.

    Raises:
        InputError: there are no such folds; nnU-Net would make some up.
    """
    check_folds(preprocessed, folds)
    splits = read_json(preprocessed / "splits_final.json")
    validation = sum(len(splits[fold]["val"]) for fold in folds)
    return Workload(len(folds), validation, len(list((raw / "imagesTs").glob("*_0000.*"))), seeds)


def check_folds(preprocessed: Path, folds: Sequence[int]) -> None:
    """Refuse folds that the dataset does not have: nnU-Net would make some up. Without a file it has five.

    Raises:
        InputError: there are no such folds.
    """
    path = preprocessed / "splits_final.json"
    number = len(read_json(path)) if path.exists() else NNUNET_FOLDS
    if beyond := [fold for fold in folds if not 0 <= fold < number]:
        raise InputError(f"{preprocessed} has the folds 0 to {number - 1}, but not {beyond}.")


def _data_identifier(plans: dict[str, Any]) -> str:
    return str(plans["configurations"][CONFIGURATION]["data_identifier"])


def _preprocess(folder: Path, plans_name: str, num_processes: int) -> None:
    """Preprocess by nnU-Net's command, which begins with removing what is there."""
    command = [str(Path(sys.executable).with_name("nnUNetv2_preprocess")), "-d", str(int(folder.name[7:10]))]
    command += ["-plans_name", plans_name, "-c", CONFIGURATION, "-np", str(num_processes)]
    if subprocess.run(command, check=False).returncode != 0:
        raise InputError(f"Preprocessing failed: {' '.join(command)}")


def _trainer_class(name: str) -> type[nnUNetTrainer]:
    try:
        return recursive_find_trainer_class_by_name(name)
    except RuntimeError as error:
        raise InputError(f"nnU-Net does not find a trainer {name!r}. See nnUNetv2_cipa doctor.") from error


def _summary(plans: dict[str, Any]) -> str:
    configuration, own = plans["configurations"][CONFIGURATION], plans["cipa"]
    lines = [f"batch {configuration['batch_size']}, patch {configuration['patch_size']}"]
    if "needed_bytes" in own:
        needed, available = own["needed_bytes"] / 1e9, own["available_bytes"] / 1e9
        lines[0] += f": CIPA-{own['variant']} takes about {needed:.1f} of {available:.1f} GB on {own['device']}"
    lines.append(f"normalisation {', '.join(configuration['normalization_schemes'])}")
    epochs, iterations = configuration["num_epochs"], configuration["num_iterations_per_epoch"]
    lines.append(f"{epochs} epochs of {iterations} iterations, for trainers whose name ends in _planned")
    for trainer, seconds in own.get("measured_seconds", {}).items():
        training = duration(
            Schedule(epochs, iterations, configuration["num_val_iterations_per_epoch"]).seconds(Timings(**seconds))
        )
        lines.append(f"{trainer}: {seconds['iteration']:.3f} s an iteration, {training} a training")
    return "\n".join(lines)
