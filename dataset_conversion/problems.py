"""Everything wrong with a source folder, collected so that one message can name every offender."""

from enum import Enum
from pathlib import Path

from nnunetv2_cipa.errors import InputError


class Problem(Enum):
    """The kinds of problem, in the order in which they are reported; the value says what to do."""

    NAME = "not named <patient>_<slice number>, the patient without an underscore: rename them"
    MISPLACED = "not in the folder of their patient: move them"
    DUPLICATE = "there more than once (letter case does not tell names apart): keep one of each"
    IN_BOTH_LISTS = "in both train.txt and test.txt: keep each in one list"
    PATIENT_IN_BOTH_LISTS = "patients with slices in both train.txt and test.txt: keep each patient in one list"
    MISSING = "incomplete: add the missing files, or take the slices off the lists"
    UNREADABLE = "unreadable: replace the files"
    NOT_GREY = "not an 8-bit grey PNG: convert them"
    SIZES = "of different size within a slice: bring the three images onto one grid"
    MASK_VALUES = "masks that are not 0 (background) with 255 (tumour) in places: correct them"


class Problems:
    """Offenders by kind. Threads may add to it at the same time."""

    def __init__(self) -> None:
        self._offenders: dict[Problem, list[str]] = {problem: [] for problem in Problem}

    def add(self, problem: Problem, offender: str) -> None:
        """Note one offender: its name or path, with what is wrong where the kind does not say that."""
        self._offenders[problem].append(offender)

    def refuse(self, folder: Path) -> None:
        """Do nothing if there are no offenders.

        Raises:
            InputError: there are some; the message names all of them, grouped by kind.
        """
        lines: list[str] = []
        for problem, offenders in self._offenders.items():
            if offenders:
                lines += [
                    f"{problem.value} ({len(offenders)}):",
                    *(f"    {offender}" for offender in sorted(offenders)),
                ]
        if lines:
            raise InputError("\n".join([f"{folder} cannot be converted, nothing was written.", *lines]))
