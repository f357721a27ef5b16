"""Headers of DICOM files: what a folder holds, read in parallel and without pixels."""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.processes import for_each

from .dicom_library import dicom_library
from .tags import PRIVATE_TAGS, RADIOPHARMACEUTICAL_TAGS, TAGS, PrivateTag

Values = Mapping[str, Any]
"""Attributes by keyword; those that are missing or empty are left out. Numbers are float or int, several a tuple."""

_PREAMBLE = 128
_FILES_WORTH_PROCESSES = 400
_BLOCKS = range(0x10, 0x20)
_DIRECTORY = "1.2.840.10008.1.3.10"  # DICOMDIR
_UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")


@dataclass(frozen=True)
class Header:
    """One DICOM file.

    Attributes:
        path: where it is.
        values: what its header says.
        fault: what is wrong with the rest of it; None if nothing is known to be.
    """

    path: Path
    values: Values
    fault: str | None = None


@dataclass
class Files:
    """What a folder holds.

    Attributes:
        headers: of its DICOM files, sorted by path.
        nifti: its NIfTI files.
        other: how many files are neither.
        damaged: files that should be DICOM, but whose header cannot be read, with the reason of each.
    """

    headers: list[Header] = field(default_factory=list)
    nifti: list[Path] = field(default_factory=list)
    other: int = 0
    damaged: dict[Path, str] = field(default_factory=dict)


def read_folder(folder: Path, num_processes: int = 1) -> Files:
    """Read the header of every DICOM file below a folder, whatever its name; hidden files are passed over.

    Raises:
        InputError: there is no such folder, or pydicom is missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Give the one that holds the studies.")
    dicom_library("pydicom")
    paths = [
        Path(root, name)
        for root, _, names in sorted(os.walk(folder))
        for name in sorted(names)
        if not name.startswith(".")
    ]
    files = Files(nifti=[path for path in paths if path.name.lower().endswith((".nii", ".nii.gz"))])
    nifti = set(files.nifti)
    rest = [path for path in paths if path not in nifti]
    enough = num_processes if len(rest) >= _FILES_WORTH_PROCESSES else 1
    read = for_each(_header_or_fault, rest, description="headers", failure="files cannot be read", num_processes=enough)
    for path, outcome in zip(rest, read, strict=True):
        if outcome is None:
            files.other += 1
        elif isinstance(outcome, str):
            files.damaged[path] = outcome
        else:
            files.headers.append(outcome)
    return files


def read_header(path: Path) -> Header | None:
    """The header of a DICOM file; None for any other file.

    Raises:
        InputError: it is a DICOM file, but its header cannot be read.
    """
    try:
        if not _looks_like_dicom(path):
            return None
        pydicom = dicom_library("pydicom")
        with pydicom.config.disable_value_validation():
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_wanted()))
            values = _values(dataset, TAGS)
            values |= {name: text for name, tag in PRIVATE_TAGS.items() if (text := _private(dataset, tag))}
        if radiopharmaceuticals := dataset.get("RadiopharmaceuticalInformationSequence"):
            values["RadiopharmaceuticalInformationSequence"] = tuple(map(_radiopharmaceutical, radiopharmaceuticals))
        missing = _missing_bytes(path, values, str(getattr(dataset.file_meta, "TransferSyntaxUID", "")))
    except InputError:
        raise
    except Exception as error:  # pydicom raises whatever a damaged file leads to
        raise InputError(f"{path}: damaged DICOM file ({error}). Copy it again, or remove it.") from error
    if "SOPClassUID" not in values:
        if getattr(dataset.file_meta, "MediaStorageSOPClassUID", "") == _DIRECTORY:
            return None
        raise InputError(f"{path}: damaged DICOM file without SOPClassUID (0008,0016). Copy it again, or remove it.")
    fault = (
        f"{path}: damaged DICOM file, {missing} bytes of its pixels are missing. Copy it again." if missing else None
    )
    return Header(path, values, fault)


def _header_or_fault(path: Path) -> Header | str | None:
    try:
        return read_header(path)
    except InputError as error:
        return str(error)


def _looks_like_dicom(path: Path) -> bool:
    """Whether a file has DICOM's prefix or, as older ones without, begins with an element of group 2 or 8."""
    with path.open("rb") as file:
        start = file.read(_PREAMBLE + 4)
    if start[_PREAMBLE:] == b"DICM":
        return True
    if len(start) < 8:
        return False
    group, element = struct.unpack("<HH", start[:4])
    return (
        group in (0x0002, 0x0008)
        and element <= 0x0018
        and (element == 0 or start[4:6].isalpha() or start[6:8] == b"\0\0")
    )


def _missing_bytes(path: Path, values: Values, transfer_syntax: str) -> int:
    """How many bytes an uncompressed image lacks at least."""
    if transfer_syntax not in _UNCOMPRESSED or "Rows" not in values or "BitsAllocated" not in values:
        return 0
    bits = values["Rows"] * values.get("Columns", 0) * int(values.get("NumberOfFrames", 1)) * values["BitsAllocated"]
    return int(max(bits // 8 - path.stat().st_size, 0))


@lru_cache(maxsize=1)
def _wanted() -> tuple[tuple[int, int], ...]:
    private = [
        place
        for tag in PRIVATE_TAGS.values()
        for block in _BLOCKS
        for place in ((tag.group, block), (tag.group, block << 8 | tag.element))
    ]
    return (*TAGS.values(), *private)


def _values(dataset: Any, tags: Mapping[str, tuple[int, int]]) -> dict[str, Any]:  # noqa: ANN401 - a pydicom Dataset
    present = {keyword: tag for keyword, tag in tags.items() if tag in dataset and "Sequence" not in keyword}
    found = {keyword: _value(dataset, tag) for keyword, tag in present.items()}
    return {keyword: value for keyword, value in found.items() if value not in (None, "", ())}


def _value(dataset: Any, tag: tuple[int, int]) -> Any:  # noqa: ANN401 - a pydicom Dataset, and whatever it holds
    """A value; as text where it is not of its kind, such as a number with a comma."""
    try:
        return _plain(dataset[tag].value)
    except (ValueError, TypeError, OverflowError):
        raw = dataset.get_item(tag).value
        return _text(raw) if isinstance(raw, bytes) else str(raw)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever an element holds
    """A value without pydicom's own types, so that it is quick to send to another process."""
    if value is None or isinstance(value, bytes):
        return _text(value) if value else None
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "__iter__"):
        return tuple(map(_plain, value))
    return float(value)


def _text(value: bytes) -> str:
    return value.decode("ascii", errors="replace").strip("\0 ")


def _private(dataset: Any, tag: PrivateTag) -> str:  # noqa: ANN401 - a pydicom Dataset
    """A private attribute as text; blocks without a creator count as this creator's, since anonymisers drop it."""
    for block in _BLOCKS:
        element = dataset.get((tag.group, block << 8 | tag.element))
        creator = dataset.get((tag.group, block))
        if element is not None and (creator is None or str(creator.value).strip().casefold() == tag.creator.casefold()):
            return str(_plain(element.value) or "")
    return ""


def _radiopharmaceutical(item: Any) -> dict[str, Any]:  # noqa: ANN401 - a pydicom Dataset
    values = _values(item, RADIOPHARMACEUTICAL_TAGS)
    for keyword in ("RadionuclideCodeSequence", "RadiopharmaceuticalCodeSequence"):
        if codes := item.get(keyword):
            values[keyword] = {
                "value": str(codes[0].get("CodeValue", "")).strip(),
                "meaning": str(codes[0].get("CodeMeaning", "")).strip(),
            }
    return values
