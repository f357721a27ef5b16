"""`nnUNetv2_cipa convert_PETCT`: a folder of PET-CT studies becomes a dataset in nnUNet_raw, in HU and SUV."""

import csv
import json
import math
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from nnunetv2.configuration import default_num_processes
from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json

from nnunetv2_cipa import __version__
from nnunetv2_cipa.arguments import add_processes_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.petct.labels import ONE_CLASS, Classes
from nnunetv2_cipa.petct.volumes import GridChoice
from nnunetv2_cipa.processes import for_each

from .converters import CaseCounts
from .petct_case import Outcome, Place, choose_case, write_case
from .petct_layouts import LAYOUTS, Found, Layout, Options, find_studies
from .petct_overview import described, refusals, write_studies_csv
from .petct_raw_dataset import adopt_raw_dataset, count_raw_dataset, is_raw_dataset
from .raw_dataset import MODALITIES, new_dataset_folder, outdated_splits, write_patients_and_folds

DATASET_NAME, DATASET_ID = "PETCT", 606
TEST_LIST = "test.txt"
"""In the folder of studies: patients or identifiers of the test set, one a line; their labels become labelsTs."""


@dataclass(frozen=True)
class Conversion:
    """What became of a folder of studies.

    Attributes:
        folder: the new dataset.
        layout: by which studies were found.
        outcomes: of all studies, those that were refused included.
        warnings: what a user should know before training.
    """

    folder: Path
    layout: str
    outcomes: Sequence[Outcome]
    warnings: Sequence[str]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-i", type=Path, required=True, metavar="FOLDER", help="folder of studies")
    parser.add_argument(
        "-d", type=int, default=DATASET_ID, metavar="ID", help="dataset id, 1 to 999 (default: %(default)s)"
    )
    parser.add_argument("-n", default=DATASET_NAME, metavar="NAME", help="dataset name (default: %(default)s)")
    names = ["auto", *(layout.name for layout in LAYOUTS)]
    parser.add_argument("--layout", choices=names, default="auto", help="of the folder (default: %(default)s)")
    parser.add_argument(
        "--grid", choices=get_args(GridChoice), default="ct", help="voxels of a case (default: %(default)s)"
    )
    parser.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        metavar="MM",
        help="between columns, rows and slices, if not those of the grid",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="NAME=SOURCE",
        help="classes: which segments or regions (patterns of names, or codes) or values become which, such as "
        "primary='GTVp*' node='GTVn*' (default: whatever is segmented is tumour; NIfTI labels stay as they are)",
    )
    parser.add_argument("--rois", nargs="+", default=(), metavar="NAME", help="patterns of RTSTRUCT regions to take")
    parser.add_argument(
        "--series", nargs="+", default=(), metavar="UID", help="series to take where several are possible"
    )
    parser.add_argument(
        "--aligned", action="store_true", help="CT and PET are aligned despite different frames of reference"
    )
    parser.add_argument("--weights", type=Path, metavar="CSV", help="PatientID,kg for headers without body weight")
    parser.add_argument("--anonymous", action="store_true", help="running numbers instead of PatientIDs")
    parser.add_argument("--ct", metavar="PATTERN", help="of CT files with {id}, such as '{id}/CT*.nii.gz'")
    parser.add_argument("--pet", metavar="PATTERN", help="of PET files in SUV, such as '{id}/SUV*.nii.gz'")
    parser.add_argument("--label", metavar="PATTERN", help="of label files; for DICOM of their names, such as '*seg*'")
    add_processes_argument(parser, "studies at a time")
    parser.add_argument(
        "--dry-run", action="store_true", help="read headers only, say what would be done, write nothing"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the dataset of an earlier conversion")


def run(arguments: Namespace) -> None:
    """Convert, say what was chosen for each study, and end with those that were refused."""
    if is_raw_dataset(arguments.i):
        print(
            adopt_raw_dataset(
                arguments.i, arguments.d, arguments.n, overwrite=arguments.overwrite, dry=arguments.dry_run
            )
        )
        return
    options = Options(
        choices=DicomChoices(
            tuple(arguments.series), arguments.aligned, Classes.parsed(arguments.labels), tuple(arguments.rois)
        ),
        weights=read_weights(arguments.weights) if arguments.weights else {},
        anonymous=arguments.anonymous,
        ct=arguments.ct,
        pet=arguments.pet,
        label=arguments.label,
    )
    if arguments.dry_run:
        outcomes = dry_run(arguments.i, arguments.layout, options, arguments.np)
        if text := refusals(outcomes):
            raise InputError(text)
        return
    conversion = convert_petct(
        arguments.i,
        arguments.d,
        arguments.n,
        layout=arguments.layout,
        options=options,
        grid=arguments.grid,
        spacing=tuple(arguments.spacing) if arguments.spacing else None,
        num_processes=arguments.np,
        overwrite=arguments.overwrite,
    )
    print(f"\n{conversion.folder} (layout {conversion.layout})\n")
    for outcome in conversion.outcomes:
        print(described(outcome))
    for warning in conversion.warnings:
        print(f"\nWARNING: {warning}")
    print(f"\nNext: nnUNetv2_plan_and_preprocess -d {arguments.d} -c 2d --verify_dataset_integrity")
    if text := refusals(conversion.outcomes):
        raise InputError(text)


def dry_run(folder: Path, layout: str, options: Options, num_processes: int) -> list[Outcome]:
    """Say what would be chosen for each study, from headers alone.

    Raises:
        InputError: there is no study.
    """
    chosen, found = find_studies(folder, layout, options, num_processes)
    outcomes = for_each(
        choose_case,
        found.cases,
        description="studies",
        failure="studies cannot be read",
        num_processes=num_processes,
        threads=True,
    )
    outcomes += _refused(found)
    print(f"\n{folder}: layout {chosen.name}, {len(outcomes)} studies")
    for line in (*map(described, outcomes), *found.notes):
        print(line)
    return outcomes


def convert_petct(
    source: Path,
    dataset_id: int = DATASET_ID,
    name: str = DATASET_NAME,
    *,
    layout: str = "auto",
    options: Options = Options(),  # noqa: B008 - frozen
    grid: GridChoice = "ct",
    spacing: tuple[float, ...] | None = None,
    num_processes: int = default_num_processes,
    overwrite: bool = False,
) -> Conversion:
    """Convert a folder of PET-CT studies to `nnUNet_raw/DatasetXXX_NAME`; interrupted, it resumes when called again.

    Args:
        source: holds the studies.
        dataset_id: nnU-Net's id for the dataset.
        name: of the dataset.
        layout: of the folder, or "auto".
        options: what the user decides where studies leave a choice.
        grid: whose voxels the cases have.
        spacing: of the cases in mm, columns, rows and slices, if not that of the grid.
        num_processes: studies at a time.
        overwrite: replace an existing dataset, once the new one is complete.

    Returns:
        What became of each study; those that are refused stop no other.

    Raises:
        InputError: the target is not free, or no study is left; then nothing is written.
    """
    target = new_dataset_folder(dataset_id, name)
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already. Choose another id by -d, or pass --overwrite.")
    if target.resolve() in [(inside := source.resolve()), *inside.parents]:
        raise InputError(f"{source} lies in the dataset that it is to become, {target}. Move it elsewhere.")
    if spacing is not None and min(spacing) <= 0:
        raise InputError(f"--spacing {' '.join(map(str, spacing))}: millimetres above 0 are needed.")
    chosen, found = find_studies(source, layout, options, num_processes)
    test = _test_cases(source, found)
    staging = target.with_name(f".{target.name}.new")
    settings = {"version": __version__, "layout": chosen.name, "grid": grid, "spacing": spacing, "test": sorted(test)}
    _prepare(staging, {**settings, "source": str(source.resolve())})
    place = Place(staging, test, grid, spacing)
    outcomes = for_each(
        partial(write_case, place),
        found.cases,
        description="studies",
        failure="studies cannot be converted",
        num_processes=num_processes,
    )
    outcomes += _refused(found)
    converted = [outcome for outcome in outcomes if not outcome.refusal]
    if not converted:
        shutil.rmtree(staging)
        raise InputError(f"No study is left, nothing was written. {refusals(outcomes)}")
    warnings = _finish(staging, target.name, chosen, options, outcomes)
    _replace(target, staging)
    if splits := outdated_splits(target.name, _folds(target)):
        warnings.append(f"{splits} has other folds: remove {splits.parent} before planning, it was made of other data.")
    return Conversion(target, chosen.name, outcomes, [*found.notes, *warnings])


def has_studies(folder: Path) -> bool:
    """Whether a folder has a layout of PET-CT studies that is told by its names and the beginning of its files."""
    return is_raw_dataset(folder) or any(layout.recognizes(folder, Options()) for layout in LAYOUTS)


def count_studies(folder: Path) -> CaseCounts:
    """What a folder of studies holds, as far as their headers tell.

    Raises:
        InputError: every study would be refused.
    """
    if is_raw_dataset(folder):
        return count_raw_dataset(folder)
    _, found = find_studies(folder, "auto", Options(), default_num_processes)
    test = _test_cases(folder, found)
    outcomes = [outcome for outcome in map(choose_case, found.cases) if not outcome.refusal]
    if not outcomes:
        raise InputError(f"{folder}: no study can be converted. See nnUNetv2_cipa convert_PETCT -i {folder} --dry-run")
    tested = [outcome for outcome in outcomes if outcome.name in test or not outcome.labelled]
    return CaseCounts(
        training=len(outcomes) - len(tested),
        test=len(tested),
        pixels=max(math.prod(outcome.record["ct_size"]) for outcome in outcomes),
        test_labels=bool(tested) and all(outcome.labelled for outcome in tested),
    )


def read_weights(path: Path) -> dict[str, float]:
    """Body weights in kg by PatientID, from a CSV file of two columns, with or without a line of names.

    Raises:
        InputError: it cannot be read, or a weight is no number above 0.
    """
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if any(row)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    weights: dict[str, float] = {}
    for number, row in enumerate(rows):
        try:
            identity, kilograms = row[0].strip(), float(row[1])
        except (IndexError, ValueError) as error:
            if number == 0:
                continue  # the columns' names
            raise InputError(f"{path}: {','.join(row)!r} is not PatientID,kg.") from error
        if kilograms <= 0:
            raise InputError(f"{path}: {kilograms:g} kg for {identity} is no weight.")
        weights[identity] = kilograms
    return weights


def _prepare(staging: Path, settings: dict[str, object]) -> None:
    """A folder to convert into; what an interrupted conversion with the same settings has left is kept."""
    note = staging / "settings.json"
    text = json.dumps(settings)
    if staging.exists() and not (note.is_file() and note.read_text(encoding="utf-8") == text):
        shutil.rmtree(staging)
    staging.mkdir(parents=True, exist_ok=True)
    note.write_text(text, encoding="utf-8")


def _test_cases(source: Path, found: Found) -> frozenset[str]:
    """Cases that test.txt in the folder of studies names, itself or by their patient."""
    path = source / TEST_LIST
    if not path.is_file():
        return frozenset()
    listed = set(path.read_text(encoding="utf-8-sig").split())
    test = {case.name for case in found.cases if case.name in listed or case.patient in listed}
    known = {case.name for case in found.cases} | {case.patient for case in found.cases} | set(found.refused)
    if unknown := sorted(listed - known):
        raise InputError(f"{path} names {', '.join(unknown)}, but there is no such patient or study.")
    return frozenset(test)


def _refused(found: Found) -> list[Outcome]:
    return [Outcome(name, "", refusal=reason) for name, reason in sorted(found.refused.items())]


def _finish(staging: Path, name: str, layout: Layout, options: Options, outcomes: Sequence[Outcome]) -> list[str]:
    """Write what stands beside the images; return what a user should know."""
    converted = [outcome for outcome in outcomes if not outcome.refusal]
    training = {outcome.name: outcome.patient for outcome in converted if outcome.subset == "Tr"}
    test = {outcome.name: outcome.patient for outcome in converted if outcome.subset == "Ts"}
    _remove_others(staging, {**training, **test})
    folds = write_patients_and_folds(staging, training, test)
    (staging / "imagesTr").mkdir(exist_ok=True)
    (staging / "labelsTr").mkdir(exist_ok=True)
    generate_dataset_json(
        str(staging),
        channel_names=dict(enumerate(MODALITIES)),
        labels={
            "background": 0,
            **{name: number for number, name in enumerate(_class_names(layout, options, converted), 1)},
        },
        num_training_cases=len(training),
        file_ending=".nii.gz",
        dataset_name=name,
        description="PET-CT volumes: CT in HU, PET in SUV (body weight)",
        license="that of the source",
        converted_by="nnUNetv2_cipa convert_PETCT",
        modalities=MODALITIES,
        pet_unit="SUV",
    )
    write_studies_csv(staging / "studies.csv", outcomes)
    (staging / "settings.json").unlink()
    warnings = []
    patients = len(set(training.values()))
    if training and not folds:
        warnings.append(
            "All training cases are of one patient: there are no folds by patient, and no splits_final.json."
        )
    elif training and len(folds) < 5:
        warnings.append(f"The training cases are of {patients} patients: there are {len(folds)} folds instead of 5.")
    if not training:
        warnings.append("No study has a label: all are images for prediction (imagesTs).")
    elif not any(outcome.record["highest_class"] for outcome in converted if outcome.subset == "Tr"):
        warnings.append("All labels are empty. nnU-Net cannot plan that: are these the right labels?")
    if odd := [outcome.name for outcome in converted if not outcome.record["axial"]]:
        warnings.append(
            f"{len(odd)} cases, {odd[0]} first, have slices closer together than their pixels: nnU-Net's 2d "
            "configuration cuts across the coarsest axis, so that its slices would not be axial. See --spacing."
        )
    return warnings


def _class_names(layout: Layout, options: Options, converted: Sequence[Outcome]) -> list[str]:
    """Names of the classes, from --labels, the layout, or the values found."""
    if options.choices.classes:
        return list(options.choices.classes.sources)
    if layout.name == "hecktor":
        return ["GTVp", "GTVn"]
    highest = max((outcome.record["highest_class"] for outcome in converted), default=0)
    return list(ONE_CLASS.sources) if highest <= 1 else [f"label_{number}" for number in range(1, highest + 1)]


def _remove_others(staging: Path, cases: dict[str, str]) -> None:
    """Remove what an interrupted conversion has left of studies that are refused or gone by now."""
    for folder in staging.iterdir():
        for path in folder.iterdir() if folder.is_dir() else ():
            name = path.name.removesuffix(".nii.gz").removesuffix(".json").removesuffix(".png")
            if name not in cases and name.rpartition("_")[0] not in cases:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _replace(target: Path, staging: Path) -> None:
    """The new dataset in the place of an old one."""
    old = target.with_name(f".{target.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if target.exists():
        target.rename(old)
    staging.rename(target)
    if old.exists():
        shutil.rmtree(old)


def _folds(folder: Path) -> list[dict[str, list[str]]]:
    path = folder / "splits_final.json"
    folds: list[dict[str, list[str]]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return folds
