"""Folders of label files: their format, which prediction belongs to which reference, and whose it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import read_json
from nnunetv2_cipa.nnunet.patients import find_patients, patients_of

from .label_images import Labels


@dataclass(frozen=True)
class LabelFormat:
    """How to read the label files of a dataset.

    Attributes:
        ending: Of the file names, with the dot.
        reader: nnU-Net's class for such files.
        labels: What their values mean.
        dataset_json: That says so; None where there is none.
    """

    ending: str
    reader: type[Any]
    labels: Labels
    dataset_json: Path | None = None


@dataclass(frozen=True)
class Pair:
    """A label file and its prediction."""

    identifier: str
    patient: str
    reference: Path
    prediction: Path


def find_label_format(
    reference: Path, prediction: Path, foreground: Sequence[int] | None = None, dataset_json: Path | None = None
) -> LabelFormat:
    """Determine the format of two folders.

    It is read from the dataset.json given, else from the one in `prediction`, where nnU-Net leaves a copy, else from
    the one beside `reference`, as in nnUNet_raw. Without any, the files' endings tell, and all else is background.

    Args:
        reference: Folder of label files.
        prediction: Folder of predictions.
        foreground: Label values that together are the foreground; by default all of the dataset's, and if these are
            several, each by itself too. Without a dataset.json 1.
        dataset_json: The dataset's.

    Raises:
        InputError: the format remains open, or is none that nnU-Net reads.
    """
    for folder in (reference, prediction):
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder.")
    nearby = (prediction / "dataset.json", reference.resolve().parent / "dataset.json")
    file = dataset_json or next(filter(Path.is_file, nearby), None)
    if file is None:
        content: dict[str, Any] = {"file_ending": _common_ending(reference, prediction)}
        values = tuple(sorted(set(foreground or (1,))))
        labels = Labels(values, frozenset({0, *values}))
    else:
        content = _read_json(file)
        labels = _labels_of_dataset(content, file, foreground)
    return LabelFormat(content["file_ending"], _reader(content, file), labels, file)


def find_pairs(
    reference: Path,
    prediction: Path,
    ending: str,
    *,
    patients: Mapping[str, str] | None = None,
    allow_missing: bool = False,
) -> list[Pair]:
    """Pair the files of two folders by name.

    Args:
        reference: Folder of label files.
        prediction: Folder of predictions.
        ending: Of the file names; other files are not looked at.
        patients: Patient of each case; by default what patients.json beside the dataset.json of `reference` says, and
            without that file what the names of all references do.
        allow_missing: Leave out references without a prediction, for the validation folder of one fold.

    Returns:
        Pairs in the order of their names, numbers in them taken as numbers.

    Raises:
        InputError: there are no files, predictions are missing or extra, or `patients` lacks cases. All are named.
    """
    references, predictions = find_cases(reference, ending), find_cases(prediction, ending)
    for folder, cases in ((reference, references), (prediction, predictions)):
        if not cases:
            raise InputError(f"{folder} has no {ending} file.")
    missing = [] if allow_missing else sorted(references.keys() - predictions, key=natural_order)
    extra = sorted(predictions.keys() - references, key=natural_order)
    paired = sorted(predictions.keys() & references, key=natural_order)
    if patients is None:
        patients = patients_of(references, find_patients(reference))
    homeless = [case for case in paired if case not in patients]
    lines = [
        line
        for what, cases in (
            (f"in {reference}, but not predicted in {prediction}", missing),
            (f"predicted in {prediction}, but not in {reference}", extra),
            ("without a patient in the list of patients", homeless),
        )
        if cases
        for line in (f"{what} ({len(cases)}):", *(f"    {case}" for case in cases))
    ]
    if lines:
        hint = ["Cases without a prediction can be left out with --chill."] if missing else []
        raise InputError("\n".join(["References and predictions must be of the same cases.", *hint, *lines]))
    return [Pair(case, patients[case], references[case], predictions[case]) for case in paired]


def natural_order(identifier: str) -> list[tuple[int, str]]:
    """Sort key that takes numbers as numbers: `0001_9` before `0001_10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", identifier)]


def _read_json(file: Path) -> dict[str, Any]:
    content = read_json(file)
    if not isinstance(content, dict):
        raise InputError(f"{file} must hold an object, in curly brackets.")
    return content


def _labels_of_dataset(content: dict[str, Any], file: Path, foreground: Sequence[int] | None) -> Labels:
    """Labels of a dataset.json, a region's being all of its values."""
    named: dict[str, tuple[int, ...]] = {}
    try:
        content["file_ending"].lower()
        for name, value in content["labels"].items():
            named[str(name)] = tuple(map(int, value if isinstance(value, list) else [value]))
        ignored = named.pop("ignore", (None,))[0]
    except (KeyError, AttributeError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{file} is no dataset.json of nnU-Net v2: look at file_ending and labels.") from error
    values = {value for of_name in named.values() for value in of_name}
    known = sorted(values - {0})
    if foreground is not None and not values.issuperset(foreground):
        raise InputError(f"{file} has the labels {known}: -l {' '.join(map(str, foreground))} names others.")
    if not known:
        raise InputError(f"{file} has no label but background. Give the dataset's own with -djfile.")
    parts = tuple((name, of_name) for name, of_name in named.items() if of_name != (0,))
    return Labels(
        foreground=tuple(sorted(set(foreground or known))),
        allowed=frozenset({0, *values}),
        ignored=ignored,
        parts=parts if foreground is None and len(parts) > 1 else (),
    )


def _reader(content: dict[str, Any], file: Path | None) -> type[Any]:
    """Have nnU-Net choose its reader."""
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json

    try:
        return determine_reader_writer_from_dataset_json(content, verbose=False)
    except RuntimeError as error:
        raise InputError(f"{file}: nnU-Net has no reader for {content['file_ending']} files.") from error


def _common_ending(reference: Path, prediction: Path) -> str:
    """The one ending, of those nnU-Net reads, that occurs in both folders."""
    from nnunetv2.imageio.reader_writer_registry import LIST_OF_IO_CLASSES

    readable = dict.fromkeys(ending for reader in LIST_OF_IO_CLASSES for ending in reader.supported_file_endings)
    common = [ending for ending in readable if find_cases(reference, ending) and find_cases(prediction, ending)]
    if len(common) != 1:
        found = "several kinds of label files" if common else "no label files of the same kind"
        folders = " and ".join(dict.fromkeys(map(str, (reference, prediction))))
        raise InputError(
            f"{folders} hold {found} ({', '.join(common or readable)}). "
            "Check the folders, or give the dataset's dataset.json with -djfile."
        )
    return common[0]


def find_cases(folder: Path, ending: str) -> dict[str, Path]:
    """Files by case identifier; hidden ones are not looked at."""
    files = (file for file in folder.iterdir() if file.name.endswith(ending) and not file.name.startswith("."))
    return {file.name.removesuffix(ending): file for file in files}
