"""A folder of PET-CT studies becomes a dataset, study by study, beside its place until it is complete."""

import json
import math
import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nnunetv2.configuration import default_num_processes

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import existing_parent
from nnunetv2_cipa.petct.dicom_studies import clean
from nnunetv2_cipa.petct.volumes import Case, GridChoice
from nnunetv2_cipa.processes import for_each

from .converters import CaseCounts
from .new_dataset import new_dataset_folder, outdated_splits
from .petct_case import Outcome, Place, choose_case, write_case
from .petct_dataset import write_dataset_files
from .petct_layouts import LAYOUTS, Found, Options, find_studies
from .petct_overview import described, refusals, write_identities, write_studies_csv
from .petct_raw_dataset import count_raw_dataset, is_raw_dataset

DATASET_NAME, DATASET_ID = "PETCT", 606
TEST_LIST = "test.txt"
"""In the folder of studies: patients or identifiers of the test set, one a line; their labels become labelsTs."""

LEAST_BYTES_PER_VOXEL = 1
"""Of a compressed case: its CT and PET take 4 to 5, but on a part of the CT's grid where there is less PET."""


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
    print("Only headers were read: the values of CT, PET and labels are checked when studies are converted.")
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
    if spacing is not None and not all(0 < length < math.inf for length in spacing):
        raise InputError(f"--spacing {' '.join(map(str, spacing))}: millimetres above 0 are needed.")
    chosen, found = find_studies(source, layout, options, num_processes)
    test = _test_cases(source, found)
    if grid == "ct" and spacing is None:
        _check_disk(target, found.cases)
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
    _remove_others(staging, {outcome.name for outcome in converted})
    warnings = write_dataset_files(staging, target.name, chosen, options, converted)
    write_studies_csv(staging / "studies.csv", outcomes)
    (staging / "settings.json").unlink()
    _replace(target, staging)
    if options.anonymous:
        identities = target.with_name(f"identities_{target.name}.csv")
        write_identities(identities, found.cases)
        warnings.append(f"{identities} tells which PatientID each number stands for: keep it apart from the dataset.")
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


def _check_disk(target: Path, cases: Sequence[Case]) -> None:
    """Refuse what cannot fit: cases on their CT's grid, as far as headers tell."""
    outcomes = [outcome for outcome in map(choose_case, cases) if not outcome.refusal]
    needed = LEAST_BYTES_PER_VOXEL * sum(math.prod(outcome.record["ct_size"]) for outcome in outcomes)
    place = existing_parent(target)
    free = shutil.disk_usage(place).free
    if free < needed:
        raise InputError(
            f"{place} has {free / 1e9:.1f} GB left, and {len(outcomes)} studies need at least {needed / 1e9:.1f} GB. "
            "Make space, choose another disk with nnUNet_raw, or convert to the smaller --grid pet."
        )


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
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    listed = {clean(line): line.strip() for line in lines if line.strip()}  # a PatientID may have spaces
    test = {case.name for case in found.cases if case.name in listed or case.patient in listed}
    known = {case.name for case in found.cases} | {case.patient for case in found.cases} | set(found.refused)
    if unknown := sorted(line for name, line in listed.items() if name not in known):
        raise InputError(f"{path} names {', '.join(unknown)}, but there is no such patient or study.")
    return frozenset(test)


def _refused(found: Found) -> list[Outcome]:
    return [Outcome(name, "", refusal=reason) for name, reason in sorted(found.refused.items())]


def _remove_others(staging: Path, cases: Container[str]) -> None:
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
