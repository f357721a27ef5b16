"""The rule that is best in a cross-validation for a chosen measure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.lesions import Lesions
from nnunetv2_cipa.evaluation.measures import MEASURES, Measure
from nnunetv2_cipa.evaluation.overlap import Numbers, Overlap

from .component_table import ComponentTable
from .rule import Rule

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
SIZES: dict[str, tuple[float, ...]] = {
    "pixels": (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    "mm2": (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    "ml": (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
}
"""Sizes that are tried, for the smallest lesion and for the gate, by their unit."""

PLAIN = 0.5


@dataclass(frozen=True)
class Counted:
    """What a mask of one case is made of, as measures need it."""

    overlap: Overlap
    lesions: Lesions


@dataclass(frozen=True)
class CaseTables:
    """One case of a cross-validation.

    Attributes:
        patient: Whose it is.
        fold: In which it was not trained on.
        pixel_size: Area or volume of a pixel, in the unit of the search.
        tables: One for each of `THRESHOLDS`.
    """

    patient: str
    fold: int
    pixel_size: float
    tables: Sequence[ComponentTable]


@dataclass(frozen=True)
class Found:
    """The best rule, and what it is worth, as figures of the measure.

    Attributes:
        rule: Found on all folds.
        of_folds: Found on all folds but this one; empty if there is only one.
        plain: Of masks as nnU-Net makes them, from 50 % on.
        largest_only: Of those with each case's largest component alone: nnU-Net's own postprocessing, that it applies
            if it is better.
        best: Of the rule, on the cases that it was found on: too good to be true.
        held_out: Of each fold's cases with the rule of the other folds; NaN if there is only one.
    """

    rule: Rule
    of_folds: dict[int, Rule]
    plain: float
    largest_only: float
    best: float
    held_out: float


def tunable_measures() -> dict[str, Measure]:
    """Those that say how good a mask is as a whole, and follow from counts of pixels and lesions.

    Sensitivity, precision and the like would be best in masks full of, or without, foreground.
    """
    counted = ("overlap.", "lesions.")
    return {
        name: measure
        for name, measure in MEASURES.items()
        if measure.kind == "fraction"
        and measure.level != "agreement"
        and len(measure.needs) >= 3
        and all(need.startswith(counted) for need in measure.needs)
    }


def search(cases: Sequence[CaseTables], measure: Measure, unit: str) -> Found:
    """Try all rules of `THRESHOLDS` and `SIZES`.

    Where a patient has no tumour and none is found, the measure is undefined; such a patient counts as 1 here, since
    finding nothing is then all that can be done.

    Args:
        cases: Of all folds.
        measure: One of `tunable_measures`.
        unit: Of the sizes.

    Raises:
        InputError: there are no cases, or a patient is in several folds.
    """
    if not cases:
        raise InputError("Postprocessing is found in a cross-validation: there are no cases.")
    patients = list(dict.fromkeys(case.patient for case in cases))
    fold_of = _folds_of_patients(cases)
    rules = [
        Rule(threshold, smallest, gate, unit)
        for threshold, smallest, gate in itertools.product(THRESHOLDS, SIZES[unit], SIZES[unit])
    ]
    order = sorted(range(len(rules)), key=lambda index: _plainness(rules[index]))
    columns = _columns(cases, patients, measure, unit)[:, order]
    rules = [rules[index] for index in order]
    folds = np.array([fold_of[patient] for patient in patients])
    best = int(np.argmax(_figures(measure, columns)))
    of_folds: dict[int, int] = {}
    if len(set(folds)) > 1:
        of_folds = {
            int(fold): int(np.argmax(_figures(measure, columns[:, :, folds != fold]))) for fold in sorted(set(folds))
        }
    held_out = np.nan
    if of_folds:
        chosen = np.array([of_folds[int(fold)] for fold in folds])
        held_out = float(_figures(measure, columns[:, chosen, np.arange(len(patients))]))
    return Found(
        rule=rules[best],
        of_folds={fold: rules[index] for fold, index in of_folds.items()},
        plain=float(_figures(measure, columns[:, 0])),
        largest_only=float(_figures(measure, _largest_only(cases, patients, measure))),
        best=float(_figures(measure, columns[:, best])),
        held_out=held_out,
    )


def _folds_of_patients(cases: Sequence[CaseTables]) -> dict[str, int]:
    folds: dict[str, int] = {}
    mixed = sorted({case.patient for case in cases if folds.setdefault(case.patient, case.fold) != case.fold})
    if mixed:
        raise InputError(
            f"{len(mixed)} patients have cases in several folds ({', '.join(mixed[:5])}): what is found in one fold "
            "would not be checked on others. If names mislead, give the patient of each case with --patients."
        )
    return folds


def _plainness(rule: Rule) -> tuple[float, ...]:
    """Sort key: of rules that are as good as each other, the first in this order is taken."""
    return (rule.smallest_lesion + rule.no_tumour_below, abs(rule.threshold - PLAIN), rule.smallest_lesion)


def _columns(cases: Sequence[CaseTables], patients: Sequence[str], measure: Measure, unit: str) -> Numbers:
    """What the measure is made of, `(needs, rules, patients)`, summed over a patient's cases."""
    sizes = np.array(SIZES[unit])
    columns = np.zeros((len(measure.needs), len(THRESHOLDS), len(sizes), len(sizes), len(patients)))
    for case in cases:
        patient = patients.index(case.patient)
        for at, table in enumerate(case.tables):
            nothing = _needed(table, np.zeros(len(table.sizes), dtype=bool), measure)
            for smallest, size in enumerate(sizes):
                kept = table.sizes * case.pixel_size >= size
                something = _needed(table, kept, measure)
                gated = table.sizes[kept].sum() * case.pixel_size < sizes
                columns[:, at, smallest, :, patient] += np.where(
                    gated, nothing[:, np.newaxis], something[:, np.newaxis]
                )
    return columns.reshape(len(measure.needs), -1, len(patients))


def _largest_only(cases: Sequence[CaseTables], patients: Sequence[str], measure: Measure) -> Numbers:
    """What the measure is made of, `(needs, patients)`, if of each case's components the largest is kept."""
    columns = np.zeros((len(measure.needs), len(patients)))
    for case in cases:
        table = case.tables[THRESHOLDS.index(PLAIN)]
        kept = table.sizes == table.sizes.max(initial=0)
        columns[:, patients.index(case.patient)] += _needed(table, kept, measure)
    return columns


def _needed(table: ComponentTable, kept: NDArray[np.bool_], measure: Measure) -> Numbers:
    counted = Counted(*table.counts(kept))
    return np.array([attrgetter(need)(counted) for need in measure.needs], dtype=np.float64)


def _figures(measure: Measure, columns: Numbers) -> Numbers:
    """The measure's figure over patients, the last axis of `(needs, ..., patients)`, in which undefined counts as 1."""
    if measure.level == "pooled":
        return np.nan_to_num(measure.figure(list(columns)), nan=1.0)
    return np.asarray(np.mean(np.nan_to_num(measure.formula(*columns), nan=1.0), axis=-1))
