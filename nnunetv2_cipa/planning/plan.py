"""`nnUNetv2_cipa plan`: a plans file of its own, made from nnU-Net's, that `nnUNetv2_train -p` uses."""

import math
import os
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from nnunetv2_cipa.arguments import add_device_argument, add_patients_argument, duration_argument
from nnunetv2_cipa.dataset_conversion.converters import CaseCounts
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.memory import available_memory
from nnunetv2_cipa.network import VARIANTS
from nnunetv2_cipa.nnunet.fold_checks import mixed_folds, training_patients
from nnunetv2_cipa.nnunet.folders import dataset_folder, root_folder
from nnunetv2_cipa.nnunet.folds import check_folds
from nnunetv2_cipa.nnunet.model_names import name_parts
from nnunetv2_cipa.nnunet.normalizations import add_normalization_argument, default_normalization
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, OWN_PLANS, STOCK_PLANS, read_planned_json, write_plans
from nnunetv2_cipa.nnunet.raw_changes import refuse_outdated
from nnunetv2_cipa.nnunet.trainer_search import find_trainer
from nnunetv2_cipa.pipeline.experiment import Experiment, add_seeds_argument, distinct_seeds, model_named
from nnunetv2_cipa.pipeline.graph import result_stage, training_stage
from nnunetv2_cipa.pipeline.workspace import Source, Workspace, count_cases
from nnunetv2_cipa.timing.budget import choose_schedule
from nnunetv2_cipa.timing.measuring import measure, timings_content
from nnunetv2_cipa.timing.work import Schedule, Times, Timings, Work, duration
from nnunetv2_cipa.training.modalities import modality_channels
from nnunetv2_cipa.training.nnUNetTrainerCIPA import nnUNetTrainerCIPA

from .fit import SMALLEST_BATCH, fit_to_memory
from .normalization import normalized


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
        help="trainers that are to use the plan (default: nnUNetTrainerCIPA_planned); TRAINER__PLANS, on one of "
        "nnU-Net's presets, has its part of a time budget",
    )
    parser.add_argument(
        "-f", nargs="+", type=int, default=[0, 1, 2, 3, 4], metavar="FOLD", help="folds to be trained (default: 0 to 4)"
    )
    add_seeds_argument(parser)
    add_normalization_argument(parser, default=None)
    parser.add_argument(
        "--time-budget",
        type=duration_argument,
        metavar="TIME",
        help="such as 9h: measure the trainers here and plan as many epochs as all trainings, their validation, "
        "prediction and comparison can have in that time (default: nnU-Net's 1000 epochs)",
    )
    parser.add_argument(
        "--members", action="store_true", help="leave time for a prediction by each fold of the best models apart, too"
    )
    add_device_argument(parser, "what is fitted to and measured on; default here: %(default)s")
    parser.add_argument(
        "-np", type=int, default=4, metavar="N", help="processes, if preprocessing is needed (default: %(default)s)"
    )
    add_patients_argument(parser, what="patient of each case, as {case: patient}, to tell whether folds mix patients")
    parser.add_argument("--overwrite", action="store_true", help="replace plans of that name")


def run(arguments: Namespace) -> None:
    """Make the plan, preprocess where the stock plan's data cannot be shared, measure, and print what came of it.

    For CIPA the order of CT and PET is checked first, before a thousand studies are preprocessed and trained on.
    """
    start = time.monotonic()
    folder = dataset_folder("nnUNet_preprocessed", arguments.d)
    target = folder / f"{arguments.overwrite_plans_name}.json"
    if target.name == f"{arguments.p}.json":
        raise InputError(f"{target} is the plan to start from. Choose another -overwrite_plans_name.")
    if target.exists() and not arguments.overwrite:
        raise InputError(f"{target} exists already. Pass --overwrite to replace it.")
    raw = Path(os.environ.get("nnUNet_raw", ""), folder.name)
    is_here = (raw / "dataset.json").is_file()  # a machine for training may have the preprocessed data only
    if is_here:
        refuse_outdated(raw, folder, arguments.p)
    stock = read_planned_json(folder / f"{arguments.p}.json")
    plans = fitted_plans(stock, arguments.overwrite_plans_name, arguments.tr, arguments.device)
    dataset_json = read_planned_json(folder / "dataset.json")
    if "variant" in plans["cipa"]:
        intensities = stock["foreground_intensity_properties_per_channel"]
        for doubt in modality_channels(dataset_json, intensities).doubts:
            print(f"WARNING: {doubt}")
    normalization = arguments.normalization or default_normalization(dataset_json)
    plans = normalized(plans, normalization, CONFIGURATION_2D)
    write_plans(target, plans, overwrite=True)
    if _data_identifier(plans) != _data_identifier(stock):
        _preprocess(folder, plans["plans_name"], arguments.np)
    if arguments.time_budget is not None:
        plans = _scheduled(target, plans, arguments, start)
    print(f"\n{target}\n{_summary(plans)}")
    if is_here:
        patients, doubts = training_patients(raw, arguments.patients)
        for doubt in filter(None, [*doubts, mixed_folds(raw, folder, patients)]):
            print(f"WARNING: {doubt}")
    for trainer in _on_this_plan(arguments.tr)[:1]:
        print(f"\nNext: nnUNetv2_train {arguments.d} {CONFIGURATION_2D} FOLD -p {plans['plans_name']} -tr {trainer}")


def fitted_plans(stock: dict[str, Any], name: str, trainers: Sequence[str], device: str) -> dict[str, Any]:
    """Plans with the 2d configuration only, its batch and patch fitted to the largest CIPA among the trainers.

    The data of the stock plan are used, as what is preprocessed depends on neither.

    Raises:
        InputError: the plans have no 2d configuration, there is no such trainer, or the memory is too small.
    """
    if CONFIGURATION_2D not in stock["configurations"]:
        raise InputError(f"{stock['plans_name']} has no configuration {CONFIGURATION_2D}, and CIPA is a 2D network.")
    configuration = {**stock["configurations"][CONFIGURATION_2D], **Schedule().content()}
    own: dict[str, Any] = {"stock_plans": stock["plans_name"]}
    classes = [find_trainer(model_named(word).trainer) for word in trainers]
    variants = {trainer.variant for trainer in classes if issubclass(trainer, nnUNetTrainerCIPA)}
    if variants:
        largest = max(variants, key=list(VARIANTS).index)
        strides = configuration["architecture"]["arch_kwargs"]["strides"]
        divisors = [math.prod(stride[axis] for stride in strides) for axis in (0, 1)]
        batch_size, patch_size = configuration["batch_size"], configuration["patch_size"]
        memory = available_memory(torch.device(device))
        fit = fit_to_memory(largest, batch_size, patch_size, divisors, memory)
        configuration |= {"batch_size": fit.batch_size, "patch_size": list(fit.patch_size)}
        own |= {"variant": largest, "device": device, **asdict(fit)}
    return {**stock, "plans_name": name, "configurations": {CONFIGURATION_2D: configuration}, "cipa": own}


def _scheduled(target: Path, plans: dict[str, Any], arguments: Namespace, start: float) -> dict[str, Any]:
    """Measure the trainers, with smaller batches where memory does not suffice, and write the schedule to the plan.

    The time budget counts from `start`, so that what planning itself takes is part of it.
    """
    configuration = plans["configurations"][CONFIGURATION_2D]
    timings: dict[str, Timings] = {}
    own = _on_this_plan(arguments.tr)
    while len(timings) < len(own):
        trainer = own[len(timings)]
        print(f"Measuring {trainer} with a batch of {configuration['batch_size']}", flush=True)
        try:
            timings[trainer] = measure(arguments.d, plans["plans_name"], trainer, arguments.f[0], arguments.device)
        except InputError as error:
            if "OutOfMemoryError" not in str(error) or configuration["batch_size"] <= SMALLEST_BATCH:
                raise
            configuration["batch_size"] = max(SMALLEST_BATCH, configuration["batch_size"] // 2)
            timings.clear()
            write_plans(target, plans, overwrite=True)
    for word in dict.fromkeys(word for word in arguments.tr if word not in own):
        print(f"Measuring {word}", flush=True)
        trainer, preset = name_parts(word, fewest=1, most=2)
        timings[word] = measure(arguments.d, preset, trainer, arguments.f[0], arguments.device)
    works = works_after_planning(target.parent.name, arguments)
    schedule = choose_schedule(works, Times(timings), arguments.time_budget - (time.monotonic() - start))
    configuration |= schedule.content()
    plans["cipa"] |= {"time_budget_seconds": arguments.time_budget, "measured_seconds": timings_content(timings)}
    write_plans(target, plans, overwrite=True)
    return plans


def _on_this_plan(words: Sequence[str]) -> list[str]:
    """Those of TRAINER and TRAINER__PLANS that are no competitors on plans of their own, each once."""
    return [word for word in dict.fromkeys(words) if model_named(word).plans == OWN_PLANS]


def works_after_planning(dataset: str, arguments: Namespace) -> list[Work]:
    """What a run with these trainers, folds and seeds has to do from its first training to its report.

    Raises:
        InputError: the dataset has no such folds; nnU-Net would make some up.
    """
    raw = Path(os.environ.get("nnUNet_raw", ""))  # without it nothing is predicted
    preprocessed, results = root_folder("nnUNet_preprocessed"), root_folder("nnUNet_results")
    workspace = Workspace(Path(), Source(raw / dataset, dataset), raw, preprocessed, results, arguments.device)
    check_folds(workspace.preprocessed, arguments.f)
    seeds = distinct_seeds(arguments.seeds)
    experiment = Experiment(
        tuple(dict.fromkeys(arguments.tr)), tuple(arguments.f), seeds=seeds, members=arguments.members
    )
    if workspace.is_converted:
        cases = count_cases(workspace)
    else:  # a machine for training may have the preprocessed data only
        cases = CaseCounts(len(list((preprocessed / dataset / "gt_segmentations").glob("*"))), 0, 0, test_labels=False)
    steps = [*training_stage(workspace, experiment, cases), *result_stage(workspace, experiment, cases)]
    return [step.work for step in steps]


def _data_identifier(plans: dict[str, Any]) -> str:
    return str(plans["configurations"][CONFIGURATION_2D]["data_identifier"])


def _preprocess(folder: Path, plans_name: str, num_processes: int) -> None:
    """Preprocess by nnU-Net's command, which begins with removing what is there."""
    command = [str(Path(sys.executable).with_name("nnUNetv2_preprocess")), "-d", str(int(folder.name[7:10]))]
    command += ["-plans_name", plans_name, "-c", CONFIGURATION_2D, "-np", str(num_processes)]
    if subprocess.run(command, check=False).returncode != 0:  # its output is shown, as it takes long
        raise InputError(f"Preprocessing failed: {' '.join(command)}")


def _summary(plans: dict[str, Any]) -> str:
    configuration, own = plans["configurations"][CONFIGURATION_2D], plans["cipa"]
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
