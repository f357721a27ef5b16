"""`nnUNetv2_cipa segment`: a PET-CT study, or a folder of them, to segmentations with their numbers and pictures."""

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import SimpleITK as sitk  # noqa: N813
import torch

from nnunetv2_cipa.arguments import add_device_argument, seconds_argument
from nnunetv2_cipa.dataset_conversion.petct_case import FAULTS
from nnunetv2_cipa.dataset_conversion.petct_layouts import Options, find_studies
from nnunetv2_cipa.dataset_conversion.petct_weights import read_weights
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_folder, read_json, write_volume
from nnunetv2_cipa.petct.dicom_case import DicomCase, DicomChoices
from nnunetv2_cipa.petct.nifti_case import NiftiCase
from nnunetv2_cipa.petct.segmentation_files import Algorithm, write_segmentation
from nnunetv2_cipa.petct.study_picture import draw_study
from nnunetv2_cipa.petct.volumes import GridChoice, figure_warnings, figures, on_one_grid
from nnunetv2_cipa.quantities.pet_pairs import PetPair
from nnunetv2_cipa.quantities.quantify_files import quantify_case

from .model import Model, load_model
from .prediction import predict

RECORD = "study.json"
"""Written with the other results of a study: what was chosen, and what was computed."""

StudyCase = DicomCase | NiftiCase


@dataclass(frozen=True)
class Task:
    """What is to be done with each study.

    Attributes:
        model: to predict with.
        grid: whose voxels the segmentation has.
        time_limit: seconds a study may take; None for no limit.
    """

    model: Model
    grid: GridChoice = "ct"
    time_limit: float | None = None

    def made_by(self) -> dict[str, Any]:
        """What a segmentation depends on, beside the study."""
        return {"model": str(self.model.checkpoint), "folds": list(self.model.folds), "grid": self.grid}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-i", type=Path, metavar="STUDY", help="DICOM study, or a folder of studies")
    parser.add_argument("-ct", type=Path, metavar="FILE", help="instead of -i: CT in HU as NIfTI")
    parser.add_argument("-pet", type=Path, metavar="FILE", help="instead of -i: PET in SUV as NIfTI")
    parser.add_argument("-m", type=Path, required=True, metavar="FOLDER", help="trained model, the folder with fold_0")
    parser.add_argument("-o", type=Path, required=True, metavar="FOLDER", help="for the results")
    parser.add_argument("-f", "--folds", nargs="+", metavar="FOLD", help="of the model (default: all that are trained)")
    parser.add_argument(
        "-chk", default="checkpoint_final.pth", metavar="NAME", help="checkpoint (default: %(default)s)"
    )
    parser.add_argument(
        "--grid", choices=get_args(GridChoice), default="ct", help="of the segmentation (default: %(default)s)"
    )
    parser.add_argument(
        "--time-limit",
        type=seconds_argument,
        metavar="5m",
        help="for each study; folds, mirroring and steps are chosen to keep it",
    )
    parser.add_argument(
        "--series", nargs="+", default=(), metavar="UID", help="series to take where several are possible"
    )
    parser.add_argument(
        "--aligned", action="store_true", help="CT and PET are aligned despite different frames of reference"
    )
    parser.add_argument("--weights", type=Path, metavar="CSV", help="PatientID,kg for headers without body weight")
    parser.add_argument(
        "-np", type=int, default=2, metavar="N", help="processes that read headers (default: %(default)s)"
    )
    add_device_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results")


def run(arguments: Namespace) -> None:
    """Segment every study; studies that were done before are passed over, failures are listed at the end."""
    cases, refused = _cases(arguments)
    model = load_model(arguments.m, arguments.folds, arguments.chk, torch.device(arguments.device))
    segment_studies(
        cases,
        arguments.o,
        Task(model, arguments.grid, arguments.time_limit),
        overwrite=arguments.overwrite,
        refused=refused,
    )


def segment_studies(
    cases: Sequence[StudyCase], folder: Path, task: Task, *, overwrite: bool = False, refused: Sequence[str] = ()
) -> None:
    """Segment studies one after the other: a single one into the folder itself, several each into one of its own.

    Args:
        cases: to be segmented.
        folder: for the results.
        task: what is to be done.
        overwrite: replace earlier results; without it, of several studies those that are complete are passed over.
        refused: studies that could not even be tried.

    Raises:
        InputError: a single study's folder exists, or studies failed; the others are complete then.
    """
    faults = list(refused)
    single = len(cases) == 1 and not faults
    for case in cases:
        target = folder if single else folder / case.name
        try:
            if not single and not overwrite and _is_done(target, task):
                print(f"{case.name}: done before, {target}")
                continue
            segment_study(case, target, task, overwrite=overwrite)
        except FAULTS as error:
            if single:
                raise
            odd = "" if isinstance(error, InputError) else f"{type(error).__name__}, "
            faults.append(f"{case.name}: {odd}{error}")
    if faults:
        raise InputError("\n    ".join([f"{len(faults)} of {len(cases) + len(refused)} studies failed:", *faults]))


def _is_done(folder: Path, task: Task) -> bool:
    """Whether a study has been segmented before.

    Raises:
        InputError: by another model, other folds or on another grid.
    """
    file = folder / RECORD
    if not file.is_file():
        return False
    before, now = read_json(file).get("made_by"), task.made_by()
    if before != now:
        raise InputError(f"{folder} was made by {before}, not {now}. Choose another -o, or pass --overwrite.")
    return True


def segment_study(case: StudyCase, folder: Path, task: Task, *, overwrite: bool = False) -> None:
    """Write segmentation.nii.gz, segmentation.dcm (of a DICOM study), quantities.json, preview.png and study.json.

    Args:
        case: a study.
        folder: must not exist, but with `overwrite`.
        task: what is to be done.
        overwrite: replace the folder, once the new one is complete.

    Raises:
        InputError: the study is refused, or the folder exists.
    """
    started = time.perf_counter()
    if folder.exists() and not overwrite:
        raise InputError(f"{folder} exists already. Choose another by -o, or pass --overwrite.")
    volumes = case.without_label().read()
    placed = on_one_grid(volumes, task.grid)
    left = None if task.time_limit is None else task.time_limit - (time.perf_counter() - started)
    prediction = predict(task.model, placed, left)
    label = prediction.label
    with new_folder(folder, overwrite=overwrite) as new:
        write_volume(label, new / "segmentation.nii.gz")
        if isinstance(case, DicomCase):
            slices = [header.path for header in case.choice.ct.headers]
            write_segmentation(
                new / "segmentation.dcm", label, slices, task.model.class_names, Algorithm(task.model.name)
            )
        quantities = _quantities(case, volumes.pet, new / "segmentation.nii.gz")
        text = json.dumps(quantities, indent=1, allow_nan=False)
        (new / "quantities.json").write_text(f"{text}\n", encoding="utf-8")
        draw_study(new / "preview.png", placed.ct, placed.pet, label, case.name)
        found = figures(volumes)
        record = {
            **volumes.record,
            "model": task.model.name,
            "made_by": task.made_by(),
            "folds": task.model.folds[: prediction.effort.folds],
            "effort": str(prediction.effort),
            "seconds": time.perf_counter() - started,
            "figures": dict(found),
            "warnings": [*volumes.warnings, *figure_warnings(found)],
        }
        (new / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    total = quantities["total"]
    print(f"{case.name}: {total['lesions']} lesions, {total['MTV_ml']:.2f} ml, TLG {total['TLG']:.1f}; {folder}")
    print(f"    {prediction.effort}; {record['seconds']:.0f} s")
    for warning in record["warnings"]:
        print(f"    WARNING: {warning}")


def _quantities(case: StudyCase, pet: sitk.Image, segmentation: Path) -> dict[str, Any]:
    """What the command quantify writes of the same files.

    Files, since NIfTI rounds places, which decides for a voxel in the middle between two others.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = case.pet if isinstance(case, NiftiCase) else Path(folder) / "pet.nii.gz"
        if not isinstance(case, NiftiCase):
            write_volume(pet, file)
        quantified = quantify_case(PetPair(case.name, file, segmentation))
    return quantified.content(sorted(quantified.labels))


def _cases(arguments: Namespace) -> tuple[list[StudyCase], list[str]]:
    """The studies, and those that could not even be tried with the reason of each."""
    pair = (arguments.ct, arguments.pet)
    if arguments.i is not None and any(pair):
        raise InputError("Give either -i STUDY or -ct FILE -pet FILE, not both.")
    if arguments.i is None:
        if None in pair:
            raise InputError("Give a DICOM study or a folder of studies by -i, or two NIfTI files by -ct and -pet.")
        if absent := [str(path) for path in pair if not path.is_file()]:
            raise InputError(f"{' and '.join(absent)}: there is no such file.")
        name = arguments.pet.name.removesuffix(".gz").removesuffix(".nii")
        return [NiftiCase(name, name, arguments.ct, arguments.pet)], []
    options = Options(
        choices=DicomChoices(series=tuple(arguments.series), aligned=arguments.aligned),
        weights=read_weights(arguments.weights) if arguments.weights else {},
    )
    _, found = find_studies(arguments.i, "auto", options, arguments.np)
    cases = [case for case in found.cases if isinstance(case, (DicomCase, NiftiCase))]
    return cases, [f"{name}: {reason}" for name, reason in found.refused.items()]
