"""`nnUNetv2_cipa calibrate`: the temperature that makes a model's probabilities right, from its cross-validation."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.json_files import write_json
from nnunetv2_cipa.files import new_file
from nnunetv2_cipa.nnunet.probabilities import Classes, read_mean
from nnunetv2_cipa.processes import for_each

from .calibration import RELEVANT, Reliabilities, reliabilities
from .reference import References
from .temperature import PixelSample, fit_temperature, sample_pixels, scaled
from .validation import ValidationCase, add_validation_arguments, read_validation


@dataclass(frozen=True)
class Calibration:
    """A fitted temperature, and the calibration error with and without it.

    Attributes:
        temperature: Fitted on all folds.
        of_folds: Fitted on all folds but this one; empty if there is only one.
        before: Reliability without temperature.
        after: The same, of the same pixels, with each fold's cases at the temperature of the others; with one fold at
            its own.
    """

    temperature: float
    of_folds: dict[int, float]
    before: Reliabilities
    after: Reliabilities

    def errors(self) -> dict[str, dict[str, float]]:
        """Expected calibration error before and after, of all pixels and of those that matter."""
        before, after = self.before.named(), self.after.named()
        return {
            name: {
                "before": before[name].expected_calibration_error,
                "after": after[name].expected_calibration_error,
            }
            for name in before
        }


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_validation_arguments(parser, output="the temperature")


def run(arguments: Namespace) -> None:
    """Fit the temperature and write it."""
    with new_file(arguments.o, overwrite=arguments.overwrite) as file:
        cases, references = read_validation(arguments)
        found = calibrate(cases, references, num_processes=arguments.np)
        content = {
            "nnunetv2_cipa": __version__,
            "models": [model.name for model in arguments.m],
            "temperature": found.temperature,
            "temperature_without_fold": {str(fold): value for fold, value in found.of_folds.items()},
            "expected_calibration_error": found.errors(),
            "cases": len(cases),
        }
        write_json(file, content, indent=1)
    print(f"{summary(found)}\n{arguments.o}")


def summary(found: Calibration) -> str:
    """The temperature and its worth as text."""
    checked = "the temperature of the other folds" if found.of_folds else "it, on the cases it was fitted on"
    titles = ("all pixels", "pixels where foreground has at least 1 %")
    lines = [f"Temperature {found.temperature:.3f}. Expected calibration error without it, and with {checked}:"]
    lines += [
        f"  {title:<42}{error['before']:.4f}  {error['after']:.4f}"
        for title, error in zip(titles, found.errors().values(), strict=True)
    ]
    return "\n".join(lines)


def read_temperature(file: Path) -> float:
    """Read what the command has written.

    Raises:
        InputError: it is not there, or is something else.
    """
    try:
        temperature = float(json.loads(file.read_text(encoding="utf-8"))["temperature"])
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} was not written by nnUNetv2_cipa calibrate.") from error
    if not (temperature > 0 and np.isfinite(temperature)):
        raise InputError(f"{file} has the temperature {temperature}: it must be above 0.")
    return temperature


def calibrate(cases: Sequence[ValidationCase], references: References, *, num_processes: int = 1) -> Calibration:
    """Fit a temperature on a cross-validation, and measure what it is worth on cases that it was not fitted on.

    Raises:
        InputError: files are unreadable or do not fit each other.
    """
    failure = "cases cannot be read"
    samples = for_each(
        partial(_sample, references=references),
        list(cases),
        description="fit",
        failure=failure,
        num_processes=num_processes,
    )
    folds = sorted({case.fold for case in cases})
    of_folds = {fold: _fit(cases, samples, without=fold) for fold in folds} if len(folds) > 1 else {}
    overall = _fit(cases, samples)
    temperatures = [of_folds.get(case.fold, overall) for case in cases]
    pairs = for_each(
        partial(_before_and_after, references=references),
        list(zip(cases, temperatures, strict=True)),
        description="check",
        failure=failure,
        num_processes=num_processes,
    )
    (before, after), *others = pairs
    return Calibration(overall, of_folds, sum((b for b, _ in others), before), sum((a for _, a in others), after))


def _fit(cases: Sequence[ValidationCase], samples: Sequence[list[PixelSample]], without: int | None = None) -> float:
    return fit_temperature(
        [part for case, parts in zip(cases, samples, strict=True) if case.fold != without for part in parts]
    )


def _sample(case: ValidationCase, references: References) -> list[PixelSample]:
    """Pixels of one case; for regions those of each region, as foreground or not."""
    classes = references.classes
    probabilities = read_mean(case.files, classes)
    labels, counted = references.read(case.case, probabilities.shape[1:])
    truth = classes.masks(labels)
    if not classes.has_regions:
        channel = np.where(truth.any(axis=0), truth.argmax(axis=0) + 1, 0)
        return [sample_pixels(probabilities, channel, counted)]
    return [
        sample_pixels(np.stack([1 - of_region, of_region]), mask.astype(np.int64), counted)
        for of_region, mask in zip(probabilities, truth, strict=True)
    ]


def _before_and_after(
    case_and_temperature: tuple[ValidationCase, float], references: References
) -> tuple[Reliabilities, Reliabilities]:
    case, temperature = case_and_temperature
    classes = references.classes
    probabilities = read_mean(case.files, classes)
    labels, counted = references.read(case.case, probabilities.shape[1:])
    truth = classes.union(labels)[counted]
    tempered = scaled(probabilities, temperature, exclusive=not classes.has_regions)
    before, after = (_foreground(values, classes)[counted] for values in (probabilities, tempered))
    relevant = before >= RELEVANT
    return reliabilities(before, truth, relevant), reliabilities(after, truth, relevant)


def _foreground(probabilities: Any, classes: Classes) -> Any:  # noqa: ANN401 - arrays
    return classes.any_foreground(probabilities).clip(0, 1)
