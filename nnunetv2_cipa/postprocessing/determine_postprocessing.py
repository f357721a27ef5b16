"""`nnUNetv2_cipa determine_postprocessing`: a threshold, a smallest lesion and a gate, from a cross-validation."""

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from nnunetv2_cipa import __version__
from nnunetv2_cipa.arguments import add_patients_argument
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.json_files import write_json
from nnunetv2_cipa.files import new_file
from nnunetv2_cipa.nnunet.patients import doubts, find_patients, patients_of
from nnunetv2_cipa.nnunet.probabilities import read_geometry, read_mean
from nnunetv2_cipa.processes import for_each
from nnunetv2_cipa.trust.reference import References
from nnunetv2_cipa.trust.validation import ValidationCase, add_validation_arguments, read_validation

from .component_table import component_tables
from .pixel_sizes import pixel_size
from .search import THRESHOLDS, CaseTables, Found, search, tunable_measures


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_validation_arguments(parser, output="the rule, and what it is worth")
    parser.add_argument(
        "--measure",
        choices=tuple(tunable_measures()),
        default="dice",
        help="that is to be best: mean over patients, or pooled over all pixels (default: %(default)s)",
    )
    add_patients_argument(parser, "patients.json beside the label files' dataset.json, else the names of the cases")


def run(arguments: Namespace) -> None:
    """Find the rule, write it and say what it is worth."""
    with new_file(arguments.o, overwrite=arguments.overwrite) as file:
        cases, references = read_validation(arguments)
        patients_file = arguments.patients or find_patients(arguments.ref)
        patients = patients_of([one.case for one in cases], patients_file)
        found = determine(cases, references, arguments.measure, patients, num_processes=arguments.np)
        write_json(file, content(found, arguments.measure, [model.name for model in arguments.m], len(cases)), indent=1)
    print(f"\n{summary(found, arguments.measure)}\n\n{arguments.o}")
    for doubt in doubts(patients) if patients_file is None else ():
        print(f"\n{doubt}")


def determine(
    cases: Sequence[ValidationCase],
    references: References,
    measure: str,
    patients: Mapping[str, str],
    *,
    num_processes: int = 1,
) -> Found:
    """Find the rule that is best in a cross-validation.

    Args:
        cases: With probabilities.
        references: Of them.
        measure: Name of one of `tunable_measures`.
        patients: Patient of each case.
        num_processes: How many cases are read at a time.

    Raises:
        InputError: files are unreadable or do not fit each other.
    """
    tables = for_each(
        partial(_read, references=references, patients=patients),
        list(cases),
        description="read",
        failure="cases cannot be read",
        num_processes=num_processes,
    )
    found_units = sorted({unit for _, unit in tables})
    if len(found_units) > 1:
        raise InputError(f"Cases have sizes in {' and in '.join(found_units)}: one rule cannot serve them all.")
    return search([case for case, _ in tables], tunable_measures()[measure], found_units[0])


def content(found: Found, measure: str, models: Sequence[str], cases: int) -> dict[str, Any]:
    """All there is, as JSON has it."""
    return {
        "nnunetv2_cipa": __version__,
        "models": list(models),
        "cases": cases,
        "measure": measure,
        "rule": asdict(found.rule),
        "rule_without_fold": {str(fold): asdict(rule) for fold, rule in found.of_folds.items()},
        "cross_validation": {
            "plain": found.plain,
            "largest_component_only": found.largest_only,
            "rule": found.best,
            "rule_of_other_folds": found.held_out,
        },
    }


def summary(found: Found, measure: str) -> str:
    """The rule and its worth as text."""
    rule = found.rule
    rows = {
        "from 50 % on": found.plain,
        "largest component only (nnU-Net's own)": found.largest_only,
        "this rule, where it was found": found.best,
        "each fold by the rule of the others": found.held_out,
    }
    lines = [
        f"Foreground from {100 * rule.threshold:.0f} % on, no lesions below {rule.smallest_lesion:g} {rule.unit}, "
        f"no tumour at all below {rule.no_tumour_below:g} {rule.unit}.",
        f"{measure} in cross-validation:",
        *(f"  {name:<40}{'-' if math.isnan(value) else f'{value:.4f}':>8}" for name, value in rows.items()),
    ]
    if found.held_out <= max(found.plain, found.largest_only):
        lines.append("On cases that it has not seen the rule is no better than a plainer one: leave it out.")
    return "\n".join(lines)


def _read(case: ValidationCase, references: References, patients: Mapping[str, str]) -> tuple[CaseTables, str]:
    """Tables of one case, and the unit of its sizes."""
    classes = references.classes
    probabilities = read_mean(case.files, classes)
    labels, counted = references.read(case.case, probabilities.shape[1:])
    size, unit = pixel_size(read_geometry(case.files[0]))
    tables = component_tables(classes.union(labels), classes.any_foreground(probabilities), counted, THRESHOLDS)
    return CaseTables(patients[case.case], case.fold, size, tables), unit
