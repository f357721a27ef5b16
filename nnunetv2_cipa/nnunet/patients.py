"""Whose case it is: patients.json beside dataset.json, the patients of cases without one, and folds by patient."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file, read_json

from .folds import NUM_FOLDS, Folds
from .patient_names import dataset_name, lettered_patients, patients_by_name, slices_alone

PATIENTS_FILE = "patients.json"
"""Beside dataset.json: `{case: patient}` for the cases of training and test set."""

REMEDY = (
    f'If that is wrong, name the patient of each case, as in {{"case_1": "Ada"}}: in {PATIENTS_FILE} beside '
    "dataset.json, or in a file for --patients."
)

_MANY_CASES_EACH = 20
_MORE_THAN_SLICES = 400  # PCLT20K has up to 278 slices of a patient


def read_patients(file: Path) -> dict[str, str]:
    """Read a JSON file that gives each case identifier its patient.

    Raises:
        InputError: it is not there, or is something else.
    """
    content = read_json(file)
    if not isinstance(content, dict):
        raise InputError(f'{file} must give each case identifier its patient, as in {{"case_1": "Ada"}}.')
    nameless = [case for case, patient in content.items() if not isinstance(patient, str) or not patient]
    if nameless:
        raise InputError(
            f'{file} must give each case identifier its patient as text, as in {{"case_1": "Ada"}}. '
            f"It does not for {_listed(nameless)}."
        )
    return content


def write_patients(folder: Path, patients: Mapping[str, str], *, overwrite: bool = False) -> None:
    """Write patients.json into a dataset's folder.

    Raises:
        InputError: it is there already and `overwrite` is False.
    """
    with new_file(folder / PATIENTS_FILE, overwrite=overwrite) as file:
        file.write_text(json.dumps(patients, indent=1), encoding="utf-8")


def find_patients(folder: Path) -> Path | None:
    """Find the patients.json that speaks of a folder's cases.

    Args:
        folder: A dataset's in nnUNet_raw or nnUNet_preprocessed, one of its folders of images or references, or one of
            predictions.

    Returns:
        The file in the folder; or that beside the dataset.json of the folder or its parent; or that of the raw dataset
        which has the name of the folder that dataset.json is in, or that plans.json there has; None where there is none
        of these.
    """
    places = [folder]
    raw = os.environ.get("nnUNet_raw")
    for place in (folder, folder.resolve().parent):
        if (place / "dataset.json").is_file():
            places.append(place)
            if raw:
                names = (place.resolve().name, _planned_dataset(place / "plans.json"))
                places += [Path(raw, name) for name in names if name]
    return next((place / PATIENTS_FILE for place in places if (place / PATIENTS_FILE).exists()), None)


def _planned_dataset(plans: Path) -> str | None:
    """The dataset of the plans that nnU-Net puts beside predictions."""
    content = read_json(plans) if plans.is_file() else None
    name = content.get("dataset_name") if isinstance(content, dict) else None
    return name if isinstance(name, str) else None


def patients_of(cases: Iterable[str], file: Path | None = None) -> dict[str, str]:
    """The patient of each case, in the order of the cases.

    Args:
        cases: Case identifiers, all there are: without a file their patients are read from the names as a whole.
        file: Of `{case: patient}`, such as `find_patients` finds; it may have more cases.

    Raises:
        InputError: the file is not fit to be read, or lacks cases.
    """
    names = list(cases)
    if file is None:
        return patients_by_name(names)
    patients = read_patients(file)
    if missing := [case for case in names if case not in patients]:
        raise InputError("\n".join([f"{file} does not name the patients of {len(missing)} cases:", *missing]))
    return {case: patients[case] for case in names}


def doubts(patients: Mapping[str, str]) -> list[str]:
    """What makes patients look wrong that were read from names, each with what to do about it.

    Args:
        patients: Patient of each case.
    """
    count = Counter(patients.values())
    if len(patients) < 2:
        return []
    busiest, most = count.most_common(1)[0]
    found = None
    if len(count) == 1:
        found = f"All {len(patients)} cases are taken for those of one patient, {busiest}."
    elif most > 1 and not any(any(map(str.isdigit, patient)) for patient in count):
        found = (
            f"{len(patients)} cases are taken for those of {len(count)} patients, {_listed(count)}: these look like "
            "tracers, hospitals or data sets."
        )
    elif len(count) < NUM_FOLDS and len(patients) > _MANY_CASES_EACH * len(count):
        found = f"{len(patients)} cases are taken for those of only {len(count)} patients: {_listed(count)}."
    elif most > _MORE_THAN_SLICES:
        found = f"{most} of {len(patients)} cases are taken for those of one patient, {busiest}."
    elif most == 1 and (name := dataset_name(patients)):
        found = f"Each of {len(patients)} cases is taken for a patient of its own, and {name} for the dataset's name."
    elif most == 1 and (names := lettered_patients(patients)):
        found = (
            f"Each of {len(patients)} cases is taken for a patient of its own, though their names begin with "
            f"{_listed(names)}, which may be patients."
        )
    elif most == 1 and slices_alone(patients):
        found = f"Each of {len(patients)} cases is taken for a patient of its own, though they are named like slices."
    elif most > 1 and len(wider := Counter(patients_by_name(count).values())) < len(count):
        found = (
            f"{len(patients)} cases are taken for those of {len(count)} patients, {_listed(count)}, which may as well "
            f"be studies of only {len(wider)}: {_listed(wider)}."
        )
    return [f"{found} {REMEDY}"] if found else []


def patient_folds(patients: Mapping[str, str], num_folds: int = NUM_FOLDS) -> Folds:
    """Deal the patients out to folds so that all have about as many cases, and return nnU-Net's splits_final.json.

    Args:
        patients: The patient of each case identifier.
        num_folds: How many folds there are to be; of fewer patients there are as many folds as patients.

    Returns:
        For each fold the case identifiers under "train" and "val", sorted as nnU-Net sorts its own; none where there is
        one patient only, who cannot be both learnt from and judged on.
    """
    from sklearn.model_selection import GroupKFold  # type: ignore[import-untyped]

    number = min(num_folds, len(set(patients.values())))
    if number < 2:
        return []
    cases = np.array(sorted(patients))
    _, groups = np.unique([patients[case] for case in cases], return_inverse=True)
    folds = GroupKFold(number).split(cases, groups=groups)
    return [{"train": cases[train].tolist(), "val": cases[val].tolist()} for train, val in folds]


def mixing(folds: Folds, patients: Mapping[str, str]) -> dict[int, list[str]]:
    """Folds that train and validate on the same patients, with those patients, sorted.

    Args:
        folds: Content of splits_final.json.
        patients: The patient of each case; cases that it lacks are passed over.
    """
    mixed: dict[int, list[str]] = {}
    for number, fold in enumerate(folds):
        train, val = ({patients[case] for case in fold[part] if case in patients} for part in ("train", "val"))
        if both := train & val:
            mixed[number] = sorted(both)
    return mixed


def _listed(names: Iterable[str], most: int = 5) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + more
