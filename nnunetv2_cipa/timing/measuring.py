"""Measuring a trainer on this machine by running it, in a process of its own.

Everything measured is nnU-Net's own code on the real data: its data loading, training and validation iterations, the
end of an epoch with its checkpoint, the validation of cases with probabilities, and ensembling.
"""

import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from nnunetv2_cipa.nnunet.folders import dataset_folder, root_folder
from nnunetv2_cipa.nnunet.plans import CONFIGURATION_2D, read_planned_json
from nnunetv2_cipa.nnunet.trainer_search import find_trainer
from nnunetv2_cipa.processes import output_of

from .work import Schedule, Times, Timings

WARM_UP = 2
MOST_ITERATIONS = 20
ENOUGH_SECONDS = 10.0
FEW_CASES, MORE_CASES = 1, 4


def measure(dataset: str, plans: str, trainer: str, fold: int, device: str) -> Timings:
    """Run a few iterations and validate a few cases in a process of its own, with results in a temporary folder.

    Raises:
        InputError: the trainer fails; the message has the last lines of what it printed.
    """
    results = root_folder("nnUNet_results")
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".timing.", dir=results) as folder:
        output = Path(folder) / "timings.json"
        words = (dataset, plans, trainer, str(fold), device, str(output))
        start = time.perf_counter()
        output_of(
            [sys.executable, "-m", __name__, *words],
            failure=f"{trainer} cannot be measured",
            environment={**os.environ, "nnUNet_results": folder},
        )
        seconds = time.perf_counter() - start
        measured = json.loads(output.read_text(encoding="utf-8"))
    return Timings(start=seconds - measured.pop("inside"), **measured)


def main() -> None:
    """Measure in this process and write what was measured as JSON."""
    dataset, plans, trainer_name, fold, device, output = sys.argv[1:]
    if device == "cpu":
        torch.set_num_threads(os.cpu_count() or 1)  # as nnUNetv2_train does
    trainer = _trainer(dataset_folder("nnUNet_preprocessed", dataset), plans, trainer_name, int(fold), device)
    trainer.on_train_start()
    iterations = _iterations(trainer)
    cases = _cases(trainer)
    inside = iterations.pop("seconds") + cases.pop("seconds")
    trainer.disable_checkpointing = True
    trainer.on_train_end()
    Path(output).write_text(json.dumps({**iterations, **cases, "inside": inside}), encoding="utf-8")


def _trainer(preprocessed: Path, plans_name: str, trainer_name: str, fold: int, device: str) -> Any:  # noqa: ANN401
    """The trainer as nnU-Net makes it; where plans have no schedule yet, with nnU-Net's, which is not what counts."""
    plans = {**read_planned_json(preprocessed / f"{plans_name}.json"), "continue_training": False}
    configurations = plans["configurations"]
    configurations[CONFIGURATION_2D] = {**Schedule().content(), **configurations[CONFIGURATION_2D]}
    dataset_json = read_planned_json(preprocessed / "dataset.json")
    return find_trainer(trainer_name)(plans, CONFIGURATION_2D, fold, dataset_json, device=torch.device(device))


def _iterations(trainer: Any) -> dict[str, float]:  # noqa: ANN401 - nnU-Net has no type hints
    """Run iterations of training and validation and the end of an epoch."""
    begin = time.perf_counter()
    trainer.on_epoch_start()
    trainer.on_train_epoch_start()
    outputs, iteration = _timed(lambda: trainer.train_step(next(trainer.dataloader_train)))
    trainer.on_train_epoch_end(outputs)
    with torch.no_grad():
        trainer.on_validation_epoch_start()
        outputs, validation_iteration = _timed(lambda: trainer.validation_step(next(trainer.dataloader_val)))
        trainer.on_validation_epoch_end(outputs)
    start = time.perf_counter()
    trainer.on_epoch_end()
    end = time.perf_counter()
    return {
        "iteration": iteration,
        "validation_iteration": validation_iteration,
        "epoch_end": end - start,
        "seconds": end - begin,
    }


def _timed(step: Callable[[], Any]) -> tuple[list[Any], float]:
    """Outputs of a step, and its seconds after the first ones, which compile, allocate and fill queues."""
    outputs = [step() for _ in range(WARM_UP)]
    start = time.perf_counter()
    for number in itertools.count(1):
        outputs.append(step())
        seconds = time.perf_counter() - start
        if number == MOST_ITERATIONS or seconds > ENOUGH_SECONDS:
            return outputs, seconds / number
    raise AssertionError("counting does not end")


def _cases(trainer: Any) -> dict[str, float]:  # noqa: ANN401 - nnU-Net has no type hints
    """Validate one case and then a few: the difference is what a case takes, the rest is starting."""
    from nnunetv2.ensembling.ensemble import merge_files

    training, validation = trainer.do_split()
    seconds = {}
    for count in (FEW_CASES, MORE_CASES):
        cases = validation[:count]
        trainer.do_split = lambda cases=cases: (training, cases)
        start = time.perf_counter()
        trainer.perform_actual_validation(save_probabilities=True)
        seconds[len(cases)] = time.perf_counter() - start
    few, more = min(seconds), max(seconds)
    case = (seconds[more] - seconds[few]) / (more - few) if more > few else seconds[few]
    if case <= 0:  # the machine was busier at first: rather too much than too little
        case = seconds[more] / more
    folder = Path(trainer.output_folder) / "validation"
    files = [str(file) for file in sorted(folder.glob("*.npz"))]
    reader, ending = trainer.plans_manager.image_reader_writer_class(), trainer.dataset_json["file_ending"]
    start = time.perf_counter()
    for file in files:
        merge_files([file, file], file[: -len(".npz")], ending, reader, trainer.label_manager)
    merge = (time.perf_counter() - start) / len(files)
    return {
        "case": case,
        "prediction_start": max(0.0, seconds[few] - few * case),
        "merge": merge,
        "seconds": sum(seconds.values()) + merge * len(files),
    }


def times_of_plan(plans_file: Path) -> Times | None:
    """What was measured of each trainer for a plan of `nnUNetv2_cipa plan`; None where nothing was."""
    measured = read_planned_json(plans_file)["cipa"].get("measured_seconds", {})
    return Times({trainer: Timings(**seconds) for trainer, seconds in measured.items()}) if measured else None


def schedule_of_plan(plans_file: Path) -> Schedule:
    """The schedule in a plan of `nnUNetv2_cipa plan`."""
    configuration = read_planned_json(plans_file)["configurations"][CONFIGURATION_2D]
    return Schedule(**{name: configuration[name] for name in Schedule().content()})


def timings_content(timings: Mapping[str, Timings]) -> dict[str, dict[str, float]]:
    """Timings for a plan, rounded to milliseconds."""
    return {
        trainer: {name: round(seconds, 3) for name, seconds in asdict(timing).items()}
        for trainer, timing in timings.items()
    }


if __name__ == "__main__":
    main()
