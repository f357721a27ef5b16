"""The layouts of PET-CT studies that `convert_PETCT` knows, each of which finds the studies in a folder."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.petct.dicom_studies import clean, find_dicom_studies
from nnunetv2_cipa.petct.headers import read_header
from nnunetv2_cipa.petct.labels import ONE_CLASS
from nnunetv2_cipa.petct.nifti_case import NiftiCase
from nnunetv2_cipa.petct.volumes import Case

from .petct_patterns import Pattern

_PHANTOM_PATTERNS = ("{id}/CT.nii.gz", "{id}/SUV.nii.gz", "{id}/label.nii.gz")
_LOOKED_AT = 200


@dataclass(frozen=True)
class Options:
    """What the user decides.

    Attributes:
        choices: for DICOM studies; their classes are for NIfTI labels, too.
        weights: body weight in kg by PatientID.
        anonymous: identifiers are running numbers.
        ct: pattern of CT files, of NIfTI pairs.
        pet: pattern of PET files, of NIfTI pairs.
        label: pattern of label files.
    """

    choices: DicomChoices = field(default_factory=DicomChoices)
    weights: Mapping[str, float] = field(default_factory=dict)
    anonymous: bool = False
    ct: str | None = None
    pet: str | None = None
    label: str | None = None


@dataclass
class Found:
    """The studies in a folder.

    Attributes:
        cases: sorted by identifier.
        refused: studies that cannot even be tried, by identifier, with the reason.
        notes: what else there is.
    """

    cases: list[Case]
    refused: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """A way to lay out studies.

    Attributes:
        name: for --layout.
        description: what a folder of this layout has.
        recognizes: whether a folder is of this layout; looks at names, and at the beginning of a few files.
        find: its studies, given the number of processes.
        classes: names of its labels from 1 on, where they are always the same.
    """

    name: str
    description: str
    recognizes: Callable[[Path, Options], bool]
    find: Callable[[Path, Options, int], Found]
    classes: tuple[str, ...] = ()


def find_studies(folder: Path, layout: str, options: Options, num_processes: int) -> tuple[Layout, Found]:
    """Find the studies of a folder by its layout; "auto" tries each.

    Raises:
        InputError: there is no such folder, no layout fits, or there is no study.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Give the one that holds the studies.")
    fitting = [one for one in LAYOUTS if (one.recognizes(folder, options) if layout == "auto" else one.name == layout)]
    if not fitting:
        known = "\n".join(f"    {one.name}: {one.description}" for one in LAYOUTS)
        raise InputError(f"{folder} has none of the layouts that are known:\n{known}")
    if fitting[0].name != "dicom" and (given := _given_for_dicom(options)):
        raise InputError(f"{folder} has the layout {fitting[0].name}; {', '.join(given)} is for DICOM. Leave it out.")
    found = fitting[0].find(folder, options, num_processes)
    if not found.cases and not found.refused:
        notes = "".join(f"\n    {note}" for note in found.notes)
        raise InputError(f"{folder} holds no study of the layout {fitting[0].name} ({fitting[0].description}).{notes}")
    return fitting[0], _told_apart(found)


def _told_apart(found: Found) -> Found:
    """Refuse studies with one identifier, as in the folders of several tasks: which is meant is unknown."""
    by_name: dict[str, list[Case]] = defaultdict(list)
    for case in found.cases:
        by_name[case.name.casefold()].append(case)
    twice = {cases[0].name: cases for cases in by_name.values() if len(cases) > 1}
    refused = {
        name: f"{len(cases)} studies have this identifier: {', '.join(map(_place, cases))}. Give the folder of one "
        "of them, or rename the others."
        for name, cases in twice.items()
    }
    unique = [cases[0] for cases in by_name.values() if len(cases) == 1]
    return Found(unique, {**found.refused, **refused}, found.notes)


def _place(case: Case) -> str:
    return str(case.pet) if isinstance(case, NiftiCase) else case.name


def _given_for_dicom(options: Options) -> list[str]:
    """Options that only DICOM studies follow, as far as they are given."""
    choices = options.choices
    values = {
        "--series": choices.series,
        "--rois": choices.rois,
        "--aligned": choices.aligned,
        "--weights": options.weights,
        "--anonymous": options.anonymous,
    }
    return [name for name, value in values.items() if value]


def _find_dicom(folder: Path, options: Options, num_processes: int) -> Found:
    found = find_dicom_studies(
        folder,
        options.choices,
        weights=options.weights,
        anonymous=options.anonymous,
        label_pattern=options.label,
        num_processes=num_processes,
    )
    known = {series.uid for case in found.cases for series in case.series}
    if unknown := [uid for uid in options.choices.series if uid not in known]:
        raise InputError(f"--series {' '.join(unknown)}: no study in {folder} has such a series of CT or PET slices.")
    return Found(list(found.cases), notes=found.notes)


def _is_dicom(folder: Path, _: Options) -> bool:
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    for _number, path in zip(range(_LOOKED_AT), paths, strict=False):
        try:
            if read_header(path):
                return True
        except InputError:
            return True  # a damaged DICOM file
    return False


def _find_autopet(folder: Path, options: Options, _: int) -> Found:
    """The identifier is nnU-Net's own converter's, patient_study."""
    cases, notes = [], []
    for study in _autopet_studies(folder):
        ct, suv, label = (study / name for name in ("CTres.nii.gz", "SUV.nii.gz", "SEG.nii.gz"))
        if not suv.is_file():
            notes.append(f"{study} has no SUV.nii.gz")
            continue
        patient, classes = study.parent.name, options.choices.classes or ONE_CLASS
        own_label = label if label.is_file() else None
        cases.append(NiftiCase(f"{patient}_{clean(study.name)}", patient, ct, suv, own_label, "autopet", classes))
    return _complete(cases, notes)


def _is_autopet(folder: Path, _: Options) -> bool:
    return any((study / "SUV.nii.gz").is_file() for study in _autopet_studies(folder))


def _autopet_studies(folder: Path) -> list[Path]:
    """PETCT_<hash>/<study>, in the folder or one below it; or the studies of one patient, if it is theirs."""
    patients = [folder] if folder.resolve().name.startswith("PETCT_") else []
    patients += [*folder.glob("PETCT_*"), *folder.glob("*/PETCT_*")]
    return sorted(study for patient in patients for study in patient.glob("*") if study.is_dir())


def _find_hecktor(folder: Path, options: Options, _: int) -> Found:
    """<ID>__CT.nii.gz and <ID>__PT.nii.gz side by side; <ID>.nii.gz beside them or in labelsTr or labelsTs."""
    cases = []
    for ct in sorted(folder.rglob("*__CT.nii.gz")):
        name = ct.name.removesuffix("__CT.nii.gz")
        places = [ct.parent, ct.parent.with_name("labelsTr"), ct.parent.with_name("labelsTs")]
        label = next((place / f"{name}.nii.gz" for place in places if (place / f"{name}.nii.gz").is_file()), None)
        pet, classes = ct.with_name(f"{name}__PT.nii.gz"), options.choices.classes
        cases.append(NiftiCase(clean(name), clean(name), ct, pet, label, "hecktor", classes))
    return _complete(cases, [])


def _is_hecktor(folder: Path, _: Options) -> bool:
    return next(folder.rglob("*__CT.nii.gz"), None) is not None


def _find_pairs(folder: Path, options: Options, _: int) -> Found:
    """CT and PET files by patterns with {id}, and {patient} if ids do not tell patients."""
    given = (options.ct, options.pet, options.label)
    if (options.ct is None) != (options.pet is None):
        raise InputError("--ct and --pet belong together, such as --ct '{id}/CT*.nii.gz' --pet '{id}/SUV*.nii.gz'.")
    patterns = given if options.ct else _PHANTOM_PATTERNS
    cts, pets, labels = (Pattern(text).files(folder) if text else {} for text in patterns)
    found = Found([])
    for key in sorted({**cts, **pets, **labels}):
        name = clean(key.identifier)
        files = {"CT": cts.get(key, []), "PET": pets.get(key, []), "label": labels.get(key, [])}
        if fault := _fault_of_pair(key.identifier, files):
            found.refused[name or key.identifier] = f"{key.identifier}: {fault}."
            continue
        label = files["label"][0] if files["label"] else None
        patient = clean(key.patient) or name
        found.cases.append(
            NiftiCase(name, patient, files["CT"][0], files["PET"][0], label, "nifti", options.choices.classes)
        )
    return found


def _fault_of_pair(identifier: str, files: Mapping[str, list[Path]]) -> str | None:
    if not clean(identifier):
        return "an identifier needs letters or digits"
    if missing := [kind for kind in ("CT", "PET") if not files[kind]]:
        present = next(paths[0] for paths in files.values() if paths)
        return f"there is {present}, but no file for it that --{missing[0].lower()} fits"
    if several := [kind for kind, paths in files.items() if len(paths) > 1]:
        return f"--{several[0].lower()} fits several files: {', '.join(map(str, files[several[0]]))}"
    return None


def _is_pairs(folder: Path, options: Options) -> bool:
    return options.ct is not None or any(folder.glob("*/SUV.nii.gz"))


def _complete(cases: list[NiftiCase], notes: list[str]) -> Found:
    """Those whose files are there; a missing one is named."""
    refused = {case.name: f"{path} is missing." for case in cases for path in (case.pet, case.ct) if not path.is_file()}
    return Found([case for case in cases if case.name not in refused], refused, notes)


LAYOUTS: tuple[Layout, ...] = (
    Layout("autopet", "PETCT_<hash>/<study>/CTres.nii.gz, SUV.nii.gz and SEG.nii.gz", _is_autopet, _find_autopet),
    Layout("hecktor", "<ID>__CT.nii.gz and <ID>__PT.nii.gz", _is_hecktor, _find_hecktor, ("GTVp", "GTVn")),
    Layout("nifti", "pairs by --ct and --pet, or <id>/CT.nii.gz, SUV.nii.gz and label.nii.gz", _is_pairs, _find_pairs),
    Layout("dicom", "DICOM files in any tree", _is_dicom, _find_dicom),
)
"""In the order in which "auto" tries them."""
