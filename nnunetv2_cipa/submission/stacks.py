"""Slices of a patient, put in the order of their numbers, with the gaps between them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError

_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)")
_MOST_SLICES = 5000


@dataclass(frozen=True)
class Stack:
    """The slices of a patient.

    Attributes:
        patient: Whose they are.
        cases: Case identifiers by slice number, which increases.
    """

    patient: str
    cases: Mapping[int, str]

    @property
    def numbers(self) -> range:
        """From the first slice to the last, those included that are not there."""
        return range(min(self.cases), max(self.cases) + 1)

    @property
    def missing(self) -> list[int]:
        """Numbers between the first and the last that no slice has."""
        return [number for number in self.numbers if number not in self.cases]


def stacks_of(patients: Mapping[str, str]) -> list[Stack]:
    """Sort slices into a stack for each patient, by the last number in their names.

    Args:
        patients: The patient of each case identifier.

    Raises:
        InputError: some patient's names differ in more than that number, lack it or have it twice, or their numbers are
            no slices'. All are named.
    """
    cases: dict[str, list[str]] = defaultdict(list)
    for case, patient in patients.items():
        cases[patient].append(case)
    faults = [fault for patient, of_patient in cases.items() if (fault := _fault(patient, of_patient))]
    if faults:
        raise InputError("\n".join([f"{len(faults)} of {len(cases)} patients cannot be stacked.", *faults]))
    return [Stack(patient, dict(sorted(map(_numbered, of_patient)))) for patient, of_patient in cases.items()]


def gaps(stacks: Iterable[Stack]) -> list[str]:
    """A line for each stack with slices missing between others."""
    return [f"{stack.patient}: {_as_ranges(stack.missing)}" for stack in stacks if stack.missing]


def _fault(patient: str, cases: list[str]) -> str | None:
    if Path(patient).name != patient:
        return f"{patient!r} cannot be the name of a file: give another one with --patients."
    matches = {case: _LAST_NUMBER.fullmatch(case) for case in cases}
    if numberless := [case for case, match in matches.items() if match is None]:
        return f"{patient} has slices without a number in their name: {_some(numberless)}."
    around = {(match[1], match[3]): case for case, match in matches.items() if match}
    if len(around) > 1:
        return (
            f"{patient} has slices of several series, as of {_some(list(around.values()))}: name a patient for each "
            "series, as in {case: patient}, with --patients."
        )
    numbers = Counter(number for number, _ in map(_numbered, cases))
    if twice := [str(number) for number, count in numbers.items() if count > 1]:
        return f"{patient} has several slices of the same number: {_some(twice)}."
    if (span := max(numbers) - min(numbers)) >= _MOST_SLICES:
        return f"{patient} has slices {min(numbers)} to {max(numbers)}: {span + 1} are more than a patient can have."
    return None


def _numbered(case: str) -> tuple[int, str]:
    match = _LAST_NUMBER.fullmatch(case)
    assert match is not None
    return int(match[2]), case


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (" and others" if len(names) > most else "")


def _as_ranges(numbers: list[int]) -> str:
    """19, 21 to 24."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True))
