"""train.txt and test.txt of a folder in PCLT20K's layout: one slice's name a line."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError

from .problems import Problem, Problems


@dataclass(frozen=True)
class SplitLists:
    """The names in train.txt and test.txt, each once."""

    train: list[str]
    test: list[str]


def patient_of(name: str) -> str:
    """The patient that a slice's name names; in lower case, since letter case does not tell patients apart."""
    return name.partition("_")[0].casefold()


def read_split_lists(folder: Path, problems: Problems) -> SplitLists | None:
    """Read both lists, or return None where the folder has neither.

    Any letter case, line ending and byte order mark will do, and blank lines are passed over. Names that are listed
    twice and names and patients in both lists are noted in `problems`.

    Raises:
        InputError: there is only one of the two lists, or more than one spelling of one, or it is not text.
    """
    train, test = (_find(folder, name) for name in ("train.txt", "test.txt"))
    if train is None and test is None:
        return None
    if train is None or test is None:
        raise InputError(
            f"{folder} has only one of train.txt and test.txt. Add the other, or remove it for a split from --seed."
        )
    lists = SplitLists(_read(train, problems), _read(test, problems))
    in_test = {name.casefold() for name in lists.test}
    for name in lists.train:
        if name.casefold() in in_test:
            problems.add(Problem.IN_BOTH_LISTS, name)
    for patient in sorted({patient_of(name) for name in lists.train} & {patient_of(name) for name in lists.test}):
        problems.add(Problem.PATIENT_IN_BOTH_LISTS, patient)
    return lists


def _find(folder: Path, name: str) -> Path | None:
    matches = [path for path in sorted(folder.iterdir()) if path.name.casefold() == name]
    if len(matches) > 1:
        raise InputError(f"{folder} has {' and '.join(path.name for path in matches)}. Keep one of them.")
    return matches[0] if matches else None


def _read(path: Path, problems: Problems) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a text of one name a line: {error}") from error
    names = [line.strip() for line in lines if line.strip()]
    for name, count in Counter(name.casefold() for name in names).items():
        if count > 1:
            problems.add(Problem.DUPLICATE, f"{name}: {count} times in {path.name}")
    return list({name.casefold(): name for name in names}.values())
