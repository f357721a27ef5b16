"""The studies in a folder of DICOM files: any tree, any names, several patients."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from os.path import commonpath
from pathlib import Path

from .dicom_case import DicomCase, DicomChoices
from .headers import Files, Header, read_folder
from .tags import CT_IMAGE, ENHANCED_PET, PET_IMAGE, SEGMENTATION, STRUCTURE_SET

_IMAGE_NAMES = re.compile(r"(.*_)?(ct|ctres|ctac|pet|pt|suv|suvbw)\.nii(\.gz)?")
"""Of volumes that lie beside DICOM as NIfTI, too."""

_LABEL_NAMES = ("*seg*", "*mask*", "*label*", "*tumor*", "*tumour*", "*lesion*")


@dataclass
class FoundStudies:
    """What a folder holds.

    Attributes:
        cases: studies with PET, sorted by identifier.
        notes: what else was found and passed over, one line each.
    """

    cases: list[DicomCase]
    notes: list[str] = field(default_factory=list)


def find_dicom_studies(
    folder: Path,
    choices: DicomChoices = DicomChoices(),  # noqa: B008 - frozen
    *,
    weights: Mapping[str, float] | None = None,
    anonymous: bool = False,
    label_pattern: str | None = None,
    num_processes: int = 1,
) -> FoundStudies:
    """Find the studies with PET below a folder.

    Args:
        folder: is searched through and through.
        choices: for every study.
        weights: body weight in kg by PatientID, for headers without.
        anonymous: identifiers are running numbers instead of PatientIDs.
        label_pattern: of the names of NIfTI files that are labels; without it those beside a study that look so.
        num_processes: that read headers.

    Raises:
        InputError: there is no such folder, or pydicom is missing.
    """
    files = read_folder(folder, num_processes)
    studies: dict[str, list[Header]] = defaultdict(list)
    loose: list[Header] = []
    for header in files.headers:
        (studies[str(header.values["StudyInstanceUID"])] if "StudyInstanceUID" in header.values else loose).append(
            header
        )
    _adopt_labels(studies)
    with_pet = {uid: headers for uid, headers in studies.items() if _has(headers, (PET_IMAGE, *ENHANCED_PET))}
    names = _names(with_pet, anonymous)
    labels = _nifti_labels(files.nifti, with_pet, names, label_pattern)
    cases = []
    for uid, headers in with_pet.items():
        patient, name = names[uid]
        identity = str(headers[0].values.get("PatientID", ""))
        cases.append(
            DicomCase(
                name=name,
                patient=patient,
                headers=tuple(headers),
                nifti_labels=tuple(labels.get(uid, [])),
                choices=choices,
                weight=(weights or {}).get(identity),
                fault=_damage(files, headers),
            )
        )
    return FoundStudies(sorted(cases, key=lambda case: case.name), _notes(files, studies, with_pet, loose))


def clean(text: str) -> str:
    """A text with nothing but what may stand in a case identifier: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", text).strip("_")


def _adopt_labels(studies: dict[str, list[Header]]) -> None:
    """Give SEG and RTSTRUCT that were exported as a study of their own to the study with their frame of reference."""
    images = {uid: headers for uid, headers in studies.items() if _has(headers, (PET_IMAGE, CT_IMAGE))}
    for uid in [uid for uid in studies if uid not in images]:
        for header in list(studies[uid]):
            frame, kind = header.values.get("FrameOfReferenceUID"), header.values.get("SOPClassUID")
            if frame is None or kind not in (*SEGMENTATION, STRUCTURE_SET):
                continue
            homes = [
                home
                for home, headers in images.items()
                if any(h.values.get("FrameOfReferenceUID") == frame for h in headers)
            ]
            if len(homes) == 1:
                images[homes[0]].append(header)
                studies[uid].remove(header)


def _names(studies: Mapping[str, Sequence[Header]], anonymous: bool) -> dict[str, tuple[str, str]]:
    """Patient and case identifier of each study: no names, no birth dates."""
    identities = {
        uid: str(headers[0].values.get("PatientID", "")) or f"no PatientID, study {uid}"
        for uid, headers in studies.items()
    }
    patients: dict[str, str] = {}
    reserved = set() if anonymous else {clean(identity).casefold() for identity in identities.values()}
    for number, identity in enumerate(sorted(set(identities.values())), start=1):
        plain = clean(identity)
        unusable = (
            anonymous
            or not plain
            or identity.startswith("no PatientID")
            or plain.casefold() in map(str.casefold, patients.values())
        )
        running = (f"patient{running:04d}" for running in count(number))
        free = (name for name in running if name not in reserved and name not in patients.values())
        patients[identity] = next(free) if unusable else plain
    names: dict[str, tuple[str, str]] = {}
    taken: set[str] = set()
    for uid in sorted(
        studies, key=lambda uid: (patients[identities[uid]], str(studies[uid][0].values.get("StudyDate", "")), uid)
    ):
        patient = patients[identities[uid]]
        date = "" if anonymous else clean(str(studies[uid][0].values.get("StudyDate", "")))
        first = f"{patient}_{date or 1}"
        numbered = (f"{patient}_{date}_{number}" if date else f"{patient}_{number}" for number in range(2, 10**6))
        name = (
            first
            if first.casefold() not in taken
            else next(other for other in numbered if other.casefold() not in taken)
        )
        taken.add(name.casefold())
        names[uid] = (patient, name)
    return names


def _nifti_labels(
    paths: Sequence[Path],
    studies: Mapping[str, Sequence[Header]],
    names: Mapping[str, tuple[str, str]],
    pattern: str | None,
) -> dict[str, list[Path]]:
    """NIfTI files in the folder of just one study, or named after its patient, folder or identifier."""
    roots = {uid: Path(commonpath([header.path.parent for header in headers])) for uid, headers in studies.items()}
    found: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        if pattern and not fnmatchcase(path.name, pattern):
            continue
        inside = [uid for uid, root in roots.items() if path.is_relative_to(root)]
        stem = path.name[: path.name.lower().index(".nii")]
        called = [uid for uid, root in roots.items() if stem in (*names[uid], root.name)]
        homes = inside if len(inside) == 1 else called
        if len(homes) == 1:
            found[homes[0]].append(path)
    if pattern:
        return found
    return {uid: _likely(labels) for uid, labels in found.items()}


def _likely(paths: list[Path]) -> list[Path]:
    likely = [path for path in paths if any(fnmatchcase(path.name.lower(), name) for name in _LABEL_NAMES)]
    return likely or [path for path in paths if not _IMAGE_NAMES.fullmatch(path.name.lower())]


def _has(headers: Iterable[Header], classes: Sequence[str]) -> bool:
    return any(header.values.get("SOPClassUID") in classes for header in headers)


def _damage(files: Files, headers: Sequence[Header]) -> str | None:
    """A damaged file in a folder that holds slices of this study alone: one of them may be missing."""
    if not files.damaged:
        return None
    study = headers[0].values.get("StudyInstanceUID")
    own = {header.path.parent for header in headers}
    others = {header.path.parent for header in files.headers if header.values.get("StudyInstanceUID") != study}
    return next((fault for path, fault in files.damaged.items() if path.parent in own - others), None)


def _notes(
    files: Files, studies: Mapping[str, Sequence[Header]], with_pet: Mapping[str, object], loose: Sequence[Header]
) -> list[str]:
    notes = [*files.damaged.values(), *(header.fault for header in files.headers if header.fault)]
    if files.other:
        notes.append(f"{files.other} files are no DICOM")
    if loose:
        notes.append(f"{len(loose)} DICOM files without StudyInstanceUID (0020,000D), {loose[0].path} first")
    notes += [
        f"study {uid} of {len(headers)} files has no PET, {headers[0].path} first"
        for uid, headers in studies.items()
        if uid not in with_pet and headers
    ]
    return notes
