"""`nnUNetv2_cipa demo`: CIPA and nnU-Net's own U-Net, from a folder of images to a comparison, in minutes."""

import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from nnunetv2_cipa.arguments import add_device_argument
from nnunetv2_cipa.dataset_conversion.converters import CONVERTERS, converter_for
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.evaluation import Evaluation, read_evaluation
from nnunetv2_cipa.steps import Ledger, Output, Step

from .claim import CLAIM
from .experiment import Experiment
from .run import run_pipeline
from .workspace import open_workspace, our_command, source_to_convert

EXPERIMENT = Experiment(trainers=("nnUNetTrainerCIPA_demo", "nnUNetTrainer_demo"), folds=(0,))
PHANTOM = ("--patients", "60", "--slices", "8", "--size", "96")
"""Twelve of the patients are the test set."""

PHANTOM_CONVERTER = next(one for one in CONVERTERS if one.command == "convert_PCLT20K")
PICTURED_CASES = 3
REFERENCE_COLOUR = "#00c853"
PREDICTION_COLOUR = "#ff3d00"
INCHES_PER_IMAGE = 2.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-o", type=Path, default=Path("nnunetv2_cipa_demo"), metavar="FOLDER", help="where to work")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="data to be converted (default: a phantom is made)")
    add_device_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="start anew where an earlier demo can be continued")


def run(arguments: Namespace) -> None:
    """Run every step that is not done yet; print the comparison and where the picture is."""
    folder: Path = arguments.o.resolve()
    if arguments.data is not None and not arguments.data.is_dir():
        raise InputError(f"--data {arguments.data}: there is no such folder.")
    if arguments.overwrite and (folder / CLAIM).exists():
        shutil.rmtree(folder)
    phantom = folder / "phantom"
    if arguments.data is None:
        source = source_to_convert(phantom, PHANTOM_CONVERTER)
    else:
        data = arguments.data.resolve()
        source = source_to_convert(data, converter_for(data))
    workspace = open_workspace(folder, source, arguments.device, environment={})
    best = run_pipeline(workspace, EXPERIMENT, before=[_phantom(phantom)] if arguments.data is None else [])
    picture = folder / "comparison.png"
    pictured = _pictured_cases(read_evaluation(folder / "evaluation.json"))
    predictions = {model.name: workspace.predictions(model.name) for model in EXPERIMENT.models}
    draw_overlay(picture, workspace.raw, predictions, pictured)
    seconds = Ledger(folder / "steps.jsonl").seconds()
    print("\nSeconds:", ", ".join(f"{name} {taken:.0f}" for name, taken in seconds.items()))
    print(f"\n{(folder / 'comparison' / 'comparison.md').read_text(encoding='utf-8')}")
    print(f"Best in cross-validation: {best}")
    print("A short schedule on synthetic data: it shows that both networks learn, not which of them is better.")
    print(f"\nPicture: {picture}\nReport:  {folder / 'report.html'}")


def _phantom(data: Path) -> Step:
    return Step("make_phantom", (*our_command("make_phantom"), "-o", str(data), *PHANTOM), output=Output((data,)))


def _pictured_cases(evaluation: Evaluation) -> list[str]:
    """Pick the slice with the largest tumour of each of the first test patients."""
    largest: dict[str, tuple[int, str]] = {}
    for case in evaluation.cases:
        candidate = (case.overlap.reference, case.identifier)
        largest[case.patient] = max(candidate, largest.get(case.patient, candidate))
    return [identifier for _, identifier in list(largest.values())[:PICTURED_CASES]]


def draw_overlay(path: Path, dataset: Path, predictions: Mapping[str, Path], cases: Sequence[str]) -> None:
    """Write a PNG with one row per case: CT, PET, CT with the reference, and CT with each prediction over it.

    Args:
        path: of the PNG.
        dataset: an nnU-Net data set with `imagesTs` and `labelsTs` as PNG, channel 0 CT and channel 1 PET.
        predictions: folder of predicted PNGs by the model's name.
        cases: case identifiers.
    """
    titles = ["CT", "PET", "reference", *predictions]
    figure = Figure(figsize=(INCHES_PER_IMAGE * len(titles), INCHES_PER_IMAGE * len(cases) + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(cases), len(titles), squeeze=False)
    for row, case in zip(axes, cases, strict=True):
        ct = _read(dataset / "imagesTs" / f"{case}_0000.png")
        reference = _read(dataset / "labelsTs" / f"{case}.png")
        row[0].imshow(ct, cmap="gray")
        row[0].set_ylabel(case, fontsize=8)
        row[1].imshow(_read(dataset / "imagesTs" / f"{case}_0001.png"), cmap="gray_r")
        for axis in row[2:]:
            axis.imshow(ct, cmap="gray")
            _contour(axis, reference, REFERENCE_COLOUR)
        for axis, folder in zip(row[3:], predictions.values(), strict=True):
            _contour(axis, _read(folder / f"{case}.png"), PREDICTION_COLOUR)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(path, dpi=150)


def _contour(axis, mask: NDArray[np.uint8], colour: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    if mask.any() and not mask.all():
        axis.contour(mask > 0, levels=[0.5], colors=[colour], linewidths=1.0)


def _read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)
