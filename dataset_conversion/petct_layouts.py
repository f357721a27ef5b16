"""The layouts of PET-CT studies that `convert_PETCT` knows, each of which finds the studies in a folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.dicom_case import DicomChoices
from nnunetv2_cipa.petct.dicom_studies import clean, find_dicom_studies
from nnunetv2_cipa.petct.headers import read_header
from nnunetv2_cipa.petct.labels import ONE_CLASS, Classes
from nnunetv2_cipa.petct.nifti_case import NiftiCase
from nnunetv2_cipa.petct.volumes import Case

from .petct_patterns import Pattern

_PHANTOM_PATTERNS = ("{id}/CT.nii.gz", "{id}/SUV.nii.gz", "{id}/label.nii.gz")
_HECKTOR_CLASSES = Classes({"GTVp": ("1",), "GTVn": ("2",)})
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
    """

    name: str
    description: str
    recognizes: Callable[[Path, Options], bool]
    find: Callable[[Path, Options, int], Found]


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
    found = fitting[0].find(folder, options, num_processes)
    if not found.cases and not found.refused:
        notes = "".join(f"\n    {note}" for note in found.notes)
        raise InputError(f"{folder} holds no study of the layout {fitting[0].name} ({fitting[0].description}).{notes}")
    return fitting[0], found


def _find_dicom(folder: Path, options: Options, num_processes: int) -> Found:
    found = find_dicom_studies(
        folder,
        options.choices,
        weights=options.weights,
        anonymous=options.anonymous,
        label_pattern=options.label,
        num_processes=num_processes,
    )
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
    """PETCT_<hash>/<study>/{CTres,SUV,SEG}.nii.gz; the identifier is nnU-Net's own converter's, patient_study."""
    cases = []
    notes = []
    for suv in sorted(folder.glob("PETCT_*/*/SUV.nii.gz")):
        study, patient = suv.parent.name, suv.parent.parent.name
        ct, label = suv.with_name("CTres.nii.gz"), suv.with_name("SEG.nii.gz")
        name = f"{patient}_{clean(study)}"
        cases.append(
            NiftiCase(
                name,
                patient,
                ct,
                suv,
                label if label.is_file() else None,
                "autopet",
                options.choices.classes or ONE_CLASS,
            )
        )
    without = [
        str(path) for path in sorted(folder.glob("PETCT_*/*")) if path.is_dir() and not (path / "SUV.nii.gz").is_file()
    ]
    notes += [f"{path} has no SUV.nii.gz" for path in without]
    return _complete(cases, notes)


def _is_autopet(folder: Path, _: Options) -> bool:
    return any(folder.glob("PETCT_*/*/SUV.nii.gz"))


def _find_hecktor(folder: Path, options: Options, _: int) -> Found:
    """<ID>__CT.nii.gz and <ID>__PT.nii.gz side by side; <ID>.nii.gz beside them or in labelsTr or labelsTs."""
    cases = []
    for ct in sorted(folder.rglob("*__CT.nii.gz")):
        name = ct.name.removesuffix("__CT.nii.gz")
        places = [ct.parent, ct.parent.with_name("labelsTr"), ct.parent.with_name("labelsTs")]
        label = next((place / f"{name}.nii.gz" for place in places if (place / f"{name}.nii.gz").is_file()), None)
        classes = options.choices.classes or _HECKTOR_CLASSES
        cases.append(
            NiftiCase(clean(name), clean(name), ct, ct.with_name(f"{name}__PT.nii.gz"), label, "hecktor", classes)
        )
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
    taken: set[str] = set()
    for key in sorted({**cts, **pets, **labels}):
        name = clean(key.identifier)
        files = {"CT": cts.get(key, []), "PET": pets.get(key, []), "label": labels.get(key, [])}
        if fault := _fault_of_pair(key.identifier, files) or (
            "its identifier is another one's, too" if name in taken else None
        ):
            found.refused[name or key.identifier] = f"{key.identifier}: {fault}."
            continue
        taken.add(name)
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
    Layout("hecktor", "<ID>__CT.nii.gz and <ID>__PT.nii.gz", _is_hecktor, _find_hecktor),
    Layout("nifti", "pairs by --ct and --pet, or <id>/CT.nii.gz, SUV.nii.gz and label.nii.gz", _is_pairs, _find_pairs),
    Layout("dicom", "DICOM files in any tree", _is_dicom, _find_dicom),
)
"""In the order in which "auto" tries them."""
