"""Whether folds keep the cases of a patient together, by what a dataset has and by what nnU-Net would make up."""

from collections.abc import Mapping
from pathlib import Path

from .folds import NUM_FOLDS, SPLITS_FILE
from .patients import doubts, find_patients, mixing, patients_of
from .plans import read_planned_json
from .raw_dataset import read_raw_dataset


def training_patients(raw: Path, file: Path | None = None) -> tuple[dict[str, str], list[str]]:
    """Patients of the training cases of a raw dataset, and what makes them look wrong.

    Args:
        raw: the dataset's folder in nnUNet_raw.
        file: of `{case: patient}`; by default patients.json beside dataset.json, else the cases' names tell.

    Raises:
        InputError: dataset.json or the file are not fit to be read, or the file lacks cases.
    """
    dataset = read_raw_dataset(raw)
    file = file or find_patients(raw)
    training = dataset.training_cases
    patients = patients_of([*training, *(case for case in dataset.test_cases if case not in training)], file)
    return {case: patients[case] for case in training}, [] if file else doubts(patients)


def needs_patient_folds(raw: Path, preprocessed: Path, patients: Mapping[str, str]) -> bool:
    """Whether nnU-Net would deal out cases of the same patients at random: there are no folds, but such cases."""
    if any((folder / SPLITS_FILE).is_file() for folder in (raw, preprocessed)):
        return False
    return 1 < len(set(patients.values())) < len(patients)


def mixed_folds(raw: Path, preprocessed: Path, patients: Mapping[str, str]) -> str | None:
    """What is to be said about folds that train and validate on the same patients; None where none do."""
    remedy = f"nnUNetv2_cipa plan_folds -d {int(raw.name[7:10])} makes folds by patient"
    if needs_patient_folds(raw, preprocessed, patients):
        return (
            f"{len(patients)} training cases are of {len(set(patients.values()))} patients, and {preprocessed} has no "
            f"{SPLITS_FILE}: nnU-Net would deal the cases out at random, and validate on patients that it has trained "
            f"on. {remedy}."
        )
    for folder in (preprocessed, raw):
        if (file := folder / SPLITS_FILE).is_file():
            if mixed := mixing(read_planned_json(file), patients):
                fold, names = next(iter(mixed.items()))
                return (
                    f"{file} trains and validates on the same patients in {len(mixed)} folds, as in fold {fold} on "
                    f"{', '.join(names[:5])}: cross-validation looks better than it is. {remedy} (with --overwrite)."
                )
            return None
    return None


def number_of_folds(raw: Path, preprocessed: Path, patients: Mapping[str, str]) -> int:
    """How many folds there are, or are going to be: those of a file, by patient, or nnU-Net's five."""
    for folder in (preprocessed, raw):
        if (file := folder / SPLITS_FILE).is_file():
            return len(read_planned_json(file))
    by_patient = needs_patient_folds(raw, preprocessed, patients)
    return min(NUM_FOLDS, len(set(patients.values()))) if by_patient else NUM_FOLDS
