"""What a folder in PCLT20K's layout holds: its slices and their split into training and test set.

    <root>/<patient>/<name>_CT.png   <root>/<patient>/<name>_PET.png   <root>/<patient>/<name>_mask.png
    <root>/train.txt   <root>/test.txt        one <name> a line, <name> being <patient>_<slice number>

Letter case never matters, neither in file names nor in the lists; slice numbers may be padded or not. Files that are
hidden or named otherwise are no part of the dataset.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.model_selection import GroupShuffleSplit  # type: ignore[import-untyped]

from nnunetv2_cipa.errors import InputError

from .problems import Problem, Problems
from .split_lists import patient_of, read_split_lists

KINDS = {"ct": "CT", "pet": "PET", "mask": "mask"}
_FILE = re.compile(r"(?P<name>[^.].*)_(?P<kind>ct|pet|mask)\.png", re.IGNORECASE)
_NAME = re.compile(r"[^_/\\]+_[0-9]+")

PathsByKind = dict[str, list[Path]]
"""The files of one slice for each of KINDS's keys; more than one of a kind is a problem."""


@dataclass(frozen=True)
class SliceFiles:
    """One slice of one patient: its name, which becomes the case identifier, and its three images."""

    name: str
    ct: Path
    pet: Path
    mask: Path

    @property
    def patient(self) -> str:
        """The part of the name before the underscore, in lower case."""
        return patient_of(self.name)

    @property
    def sort_key(self) -> tuple[str, int, str]:
        """Sorts by patient, then by slice as a number."""
        return self.patient, int(self.name.partition("_")[2]), self.name


@dataclass(frozen=True)
class SourceFolder:
    """The complete slices of a source folder.

    Attributes:
        train: Slices of the training set, sorted.
        test: Slices of the test set, sorted.
        split: Where the split comes from, in words.
        unlisted: Names of the slices that are left out, since neither list has them.
    """

    train: list[SliceFiles]
    test: list[SliceFiles]
    split: str
    unlisted: list[str]


def read_source_folder(folder: Path, seed: int, problems: Problems) -> SourceFolder:
    """Find the slices and split them: by train.txt and test.txt or, where neither exists, 8:2 by patient from `seed`.

    Slices that are incomplete, or whose name or place is wrong, are noted in `problems`.

    Raises:
        InputError: the folder does not exist, holds no slice, or its split lists are not fit to be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Give the one that holds the patients' folders.")
    found = _find_files(folder)
    if not found:
        raise InputError(
            f"No <patient>/<name>_CT.png below {folder}. Give the folder that holds the patients' folders."
        )
    lists = read_split_lists(folder, problems)
    if lists is None:
        return _split_by_patient(found, seed, problems)
    if not lists.train:
        raise InputError(f"{folder} has a train.txt without names: there is nothing to train with. Add some.")
    listed = {name.casefold() for name in (*lists.train, *lists.test)}
    return SourceFolder(
        train=_complete_slices(lists.train, found, problems),
        test=_complete_slices(lists.test, found, problems),
        split="train.txt and test.txt",
        unlisted=[_spelling(paths) for key, paths in found.items() if key not in listed],
    )


def has_slices(folder: Path) -> bool:
    """Whether a folder has PCLT20K's layout, as far as names tell."""
    return any(True for _ in _files(folder))


def read_faultless_folder(folder: Path) -> SourceFolder:
    """Find the slices of a folder, and split them as by default.

    Raises:
        InputError: it cannot be converted, as far as names tell.
    """
    problems = Problems()
    source = read_source_folder(folder, 0, problems)
    problems.refuse(folder)
    return source


def pixels_of(slice_: SliceFiles) -> int:
    """Number of pixels of a slice's CT.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with Image.open(slice_.ct) as image:
            return image.width * image.height
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{slice_.ct} cannot be read: {error}") from error


def hold_out_patients(patients: Sequence[str], seed: int) -> set[str]:
    """Choose the patients of a test set: a fifth of them, rounded up, drawn from `seed`; none of one patient."""
    if len(patients) < 2:
        return set()
    draw = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    _, test = next(draw.split(patients, groups=np.arange(len(patients))))
    return {patients[index] for index in test}


def _split_by_patient(found: Mapping[str, PathsByKind], seed: int, problems: Problems) -> SourceFolder:
    names = [_spelling(paths) for paths in found.values()]
    test = hold_out_patients(sorted({patient_of(name) for name in names}), seed)
    return SourceFolder(
        train=_complete_slices([name for name in names if patient_of(name) not in test], found, problems),
        test=_complete_slices([name for name in names if patient_of(name) in test], found, problems),
        split=f"8:2 by patient from seed {seed}, as there is no train.txt and test.txt",
        unlisted=[],
    )


def _find_files(folder: Path) -> dict[str, PathsByKind]:
    """The files of every slice, by its name in lower case."""
    found: dict[str, PathsByKind] = defaultdict(lambda: defaultdict(list))
    for path, match in _files(folder):
        found[match["name"].casefold()][match["kind"].casefold()].append(path)
    return found


def _files(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    """All images in patients' folders, sorted, with the parts of their names."""
    for patient_folder in sorted(folder.iterdir()):
        if patient_folder.is_dir() and not patient_folder.name.startswith("."):
            for path in sorted(patient_folder.iterdir()):
                if match := _FILE.fullmatch(path.name):
                    yield path, match


def _spelling(paths: PathsByKind) -> str:
    """The slice's name as its first file spells it."""
    first = next(iter(paths.values()))[0]
    return first.name[: first.name.rindex("_")]


def _complete_slices(names: list[str], found: Mapping[str, PathsByKind], problems: Problems) -> list[SliceFiles]:
    slices = (_complete_slice(name, found.get(name.casefold(), {}), problems) for name in names)
    return sorted((files for files in slices if files), key=lambda files: files.sort_key)


def _complete_slice(name: str, paths: PathsByKind, problems: Problems) -> SliceFiles | None:
    """The slice's three files, or None where its name is wrong or a file is missing."""
    if not _NAME.fullmatch(name):
        problems.add(Problem.NAME, name)
        return None
    for path in (path for same_kind in paths.values() for path in same_kind):
        if path.parent.name.casefold() != patient_of(name):
            problems.add(Problem.MISPLACED, str(path))
    for same_kind in paths.values():
        if len(same_kind) > 1:
            problems.add(Problem.DUPLICATE, " and ".join(map(str, same_kind)))
    if missing := [label for kind, label in KINDS.items() if not paths.get(kind)]:
        problems.add(Problem.MISSING, f"{name}: no {', no '.join(missing)}")
        return None
    return SliceFiles(name, *(paths[kind][0] for kind in KINDS))
