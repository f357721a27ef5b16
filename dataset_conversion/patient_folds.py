"""Splits that keep the slices of a patient together, so that no patient is both learnt from and judged on."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit  # type: ignore[import-untyped]

NUM_FOLDS = 5


def hold_out_patients(patients: Sequence[str], seed: int) -> set[str]:
    """Choose the patients of a test set: a fifth of them, rounded up, drawn from `seed`."""
    draw = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    _, test = next(draw.split(patients, groups=np.arange(len(patients))))
    return {patients[index] for index in test}


def patient_folds(patient_by_case: dict[str, str], num_folds: int = NUM_FOLDS) -> list[dict[str, list[str]]]:
    """Deal the patients out to folds so that all have about as many cases, and return nnU-Net's splits_final.json.

    Args:
        patient_by_case: The patient of each case identifier; at least as many patients as folds.
        num_folds: How many folds there are to be.

    Returns:
        For each fold the case identifiers under "train" and "val", sorted as nnU-Net sorts its own.
    """
    cases = np.array(sorted(patient_by_case))
    _, groups = np.unique([patient_by_case[case] for case in cases], return_inverse=True)
    folds = GroupKFold(num_folds).split(cases, groups=groups)
    return [{"train": cases[train].tolist(), "val": cases[val].tolist()} for train, val in folds]
