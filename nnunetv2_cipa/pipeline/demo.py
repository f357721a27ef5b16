"""`nnUNetv2_cipa demo`: CIPA and nnU-Net's own U-Net, from a folder of images to a comparison, on a quick schedule."""

import csv
import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.results import Evaluation, read_evaluation
from nnunetv2_cipa.pipeline.overlay import draw_overlay
from nnunetv2_cipa.pipeline.steps import Step, StepRunner
from nnunetv2_cipa.pipeline.workspace import DATASET_ID, Workspace, stock_command
from nnunetv2_cipa.training.quick import EPOCHS

TRAINERS = ("nnUNetTrainerCIPA_quick", "nnUNetTrainer_quick")
FOLD = 0
PHANTOM = ("--patients", "20", "--slices", "8", "--size", "64")
PICTURED_CASES = 3
COLUMNS = ("trainer", "IoU", "Dice", "Acc", "HD95", "Dice per patient", "training s", "prediction s")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-o", type=Path, default=Path("nnunetv2_cipa_demo"), metavar="FOLDER", help="where to work")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="data in PCLT20K's layout (default: a phantom is made)"
    )
    parser.add_argument(
        "-device",
        choices=("cpu", "cuda", "mps"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="default here: %(default)s",
    )
    parser.add_argument("--overwrite", action="store_true", help="start anew where an earlier demo can be continued")


def run(arguments: Namespace) -> None:
    """Run every step that is not done yet; print the comparison and where the picture is."""
    folder: Path = arguments.o.resolve()
    data = _claim(folder, arguments.data, overwrite=arguments.overwrite)
    workspace = Workspace(folder, arguments.device)
    runner = StepRunner(folder, workspace.environment)
    for step in _steps(workspace, data, made=arguments.data is None):
        runner.run(step)
    evaluations = {trainer: read_evaluation(_evaluation_file(workspace, trainer)) for trainer in TRAINERS}
    table = _table(evaluations, runner.seconds())
    _write_table(folder / "comparison.csv", table)
    picture = folder / "comparison.png"
    draw_overlay(
        picture,
        workspace.dataset,
        {trainer: workspace.predictions(trainer) for trainer in TRAINERS},
        _pictured_cases(evaluations[TRAINERS[0]]),
    )
    print("\nSeconds:", ", ".join(f"{name} {seconds:.0f}" for name, seconds in runner.seconds().items()))
    print(
        f"\n{_markdown(table)}\n\nIoU, Dice and Acc in % and HD95 in pixels, over all test slices (PCLT20K protocol);"
    )
    print("Dice per patient: mean over patients in %. A quick schedule: it shows that things work, not who is better.")
    print(f"\nPicture: {picture}\nTable:   {folder / 'comparison.csv'}")


def _claim(folder: Path, data: Path | None, *, overwrite: bool) -> Path:
    """Make the folder the demo's own, for these data, and return where the data are.

    Raises:
        InputError: the folder holds something else, or a demo with other data; or there are no such data.
    """
    if data is not None and not data.is_dir():
        raise InputError(f"--data {data}: there is no such folder.")
    source = folder / "phantom" if data is None else data.resolve()
    claim = folder / "demo.json"
    settings = {"data": str(source)}
    if claim.exists() and overwrite:
        shutil.rmtree(folder)
    if claim.exists() and json.loads(claim.read_text(encoding="utf-8")) != settings:
        raise InputError(f"{folder} holds a demo with other data ({claim}). Choose another -o, or pass --overwrite.")
    if folder.exists() and not claim.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is neither empty nor an earlier demo. Choose another folder with -o.")
    folder.mkdir(parents=True, exist_ok=True)
    claim.write_text(json.dumps(settings), encoding="utf-8")
    return source


def _steps(workspace: Workspace, data: Path, *, made: bool) -> Iterable[Step]:
    """Yield the steps one by one: a training's command depends on what is there when its turn comes."""
    ours = stock_command("nnUNetv2_cipa")
    if made:
        yield Step("make_phantom", (ours, "make_phantom", "-o", str(data), *PHANTOM, "--overwrite"))
    yield Step("convert", (ours, "convert_PCLT20K", "-i", str(data), "-d", str(DATASET_ID), "--overwrite"))
    yield Step("plan", workspace.plan())
    for trainer in TRAINERS:
        yield Step(f"train_{trainer}", workspace.train(trainer, FOLD), epochs=EPOCHS)
    for trainer in TRAINERS:
        yield Step(f"predict_{trainer}", workspace.predict(trainer, FOLD))
    for trainer in TRAINERS:
        folders = ("-ref", str(workspace.dataset / "labelsTs"), "-pred", str(workspace.predictions(trainer)))
        output = ("-o", str(_evaluation_file(workspace, trainer)), "--overwrite")
        yield Step(f"evaluate_{trainer}", (ours, "evaluate", *folders, *output))


def _evaluation_file(workspace: Workspace, trainer: str) -> Path:
    return workspace.folder / f"evaluation_{trainer}.json"


def _table(evaluations: dict[str, Evaluation], seconds: dict[str, float]) -> list[tuple[str, ...]]:
    rows = []
    for trainer, evaluation in evaluations.items():
        overlap = evaluation.pooled.overlap
        patients = [patient.overlap.dice for patient in evaluation.patients]
        fractions = (overlap.iou, overlap.dice, overlap.balanced_accuracy)
        measures = [f"{100 * value:.2f}" for value in fractions]
        measures += [f"{evaluation.pooled.hausdorff95:.2f}", f"{100 * sum(patients) / len(patients):.2f}"]
        times = [f"{seconds[f'{kind}_{trainer}']:.0f}" for kind in ("train", "predict")]
        rows.append((trainer, *measures, *times))
    return rows


def _write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows((COLUMNS, *rows))


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pictured_cases(evaluation: Evaluation) -> list[str]:
    """Pick the slice with the largest tumour of each of the first test patients."""
    largest: dict[str, tuple[int, str]] = {}
    for case in evaluation.cases:
        candidate = (case.overlap.reference, case.identifier)
        largest[case.patient] = max(candidate, largest.get(case.patient, candidate))
    return [identifier for _, identifier in list(largest.values())[:PICTURED_CASES]]
