"""One study becomes a case: its files, and the record that says what was chosen, with a picture."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import new_file, write_volume
from nnunetv2_cipa.petct.study_picture import draw_study
from nnunetv2_cipa.petct.volumes import Case, GridChoice, figure_warnings, figures, on_one_grid

FAULTS = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What an odd study leads to, in our code or in SimpleITK's and pydicom's; it must not end the others' conversion."""

STUDIES = "studies"
"""Folder of the records and pictures."""


@dataclass(frozen=True)
class Place:
    """Where cases are written to, and on which grid.

    Attributes:
        folder: of the dataset.
        test: cases of the test set; those without a label are, too.
        grid: whose voxels the case has.
        spacing: millimetres between columns, rows and slices, if not those of the grid.
    """

    folder: Path
    test: frozenset[str]
    grid: GridChoice
    spacing: tuple[float, ...] | None = None

    def subset(self, case: Case) -> str:
        """Tr or Ts."""
        return "Ts" if case.name in self.test or not case.labelled else "Tr"

    def record(self, name: str) -> Path:
        """The file that is written last, when a case is complete."""
        return self.folder / STUDIES / f"{name}.json"


@dataclass
class Outcome:
    """What became of a study.

    Attributes:
        name: case identifier.
        patient: whose study it is.
        subset: Tr or Ts; empty if it was refused.
        labelled: whether it has a label file.
        record: what was chosen and found.
        refusal: why it was refused.
    """

    name: str
    patient: str
    subset: str = ""
    labelled: bool = False
    record: dict[str, Any] = field(default_factory=dict)
    refusal: str | None = None


def choose_case(case: Case) -> Outcome:
    """What would be chosen for a study, from headers alone."""
    try:
        return Outcome(case.name, case.patient, "Tr" if case.labelled else "Ts", case.labelled, case.choose())
    except FAULTS as error:
        return _refused(case, error)


def write_case(place: Place, case: Case) -> Outcome:
    """Write a case, or take it as it is where it has been written by an earlier conversion of the same files."""
    record_file, sources = place.record(case.name), fingerprint(case)
    if record_file.is_file():
        content = json.loads(record_file.read_text(encoding="utf-8"))
        if content.pop("sources") == sources:
            return Outcome(**content)
    try:
        record = _written(place, case)
    except FAULTS as error:
        return _refused(case, error)
    outcome = Outcome(case.name, case.patient, place.subset(case), case.labelled, record)
    with new_file(record_file, overwrite=True) as file:
        file.write_text(json.dumps({**asdict(outcome), "sources": sources}, indent=1), encoding="utf-8")
    return outcome


def _refused(case: Case, error: Exception) -> Outcome:
    odd = "" if isinstance(error, InputError) else f"It could not be converted ({type(error).__name__}): "
    return Outcome(case.name, case.patient, refusal=f"{odd}{error}")


def fingerprint(case: Case) -> str:
    """Names, sizes and times of a case's files, and what was decided for it, as a hash."""
    digest = hashlib.sha256(repr(_decisions(case)).encode())
    for path in sorted(_paths(case)):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _decisions(case: Case) -> list[Any]:
    values = vars(case)
    return [values.get(name) for name in ("name", "patient", "choices", "classes", "weight", "fault")]


def _paths(case: Case) -> list[Path]:
    values = vars(case)
    paths = [header.path for header in values.get("headers", ())]
    return [
        *paths,
        *values.get("nifti_labels", ()),
        *(values[key] for key in ("ct", "pet", "label") if values.get(key)),
    ]


def _written(place: Place, case: Case) -> dict[str, Any]:
    volumes = case.read()
    placed = on_one_grid(volumes, place.grid, place.spacing)
    found, subset = figures(volumes), place.subset(case)
    _write(placed.ct, place.folder / f"images{subset}" / f"{case.name}_0000.nii.gz")
    _write(placed.pet, place.folder / f"images{subset}" / f"{case.name}_0001.nii.gz")
    _write(volumes.pet, place.folder / f"pet{subset}" / f"{case.name}.nii.gz")
    label_ml, classes = None, 0
    if placed.label is not None:
        _write(placed.label, place.folder / f"labels{subset}" / f"{case.name}.nii.gz")
        values = sitk.GetArrayViewFromImage(placed.label)
        label_ml = float(np.count_nonzero(values) * np.prod(placed.label.GetSpacing()) / 1000)
        classes = int(values.max())
    with new_file(place.folder / STUDIES / f"{case.name}.png", overwrite=True) as picture:
        draw_study(picture, placed.ct, placed.pet, placed.label, case.name)
    return {
        **volumes.record,
        "grid": f"{place.grid}, {_sized(placed.ct)}",
        "pet_grid": _sized(volumes.pet),
        "axial": placed.ct.GetSpacing()[2] >= max(placed.ct.GetSpacing()[:2]) - 1e-3,
        "label_ml": label_ml,
        "highest_class": classes,
        "figures": dict(found),
        "warnings": [*volumes.warnings, *placed.warnings, *figure_warnings(found)],
    }


def _write(image: sitk.Image, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with new_file(path, overwrite=True) as file:
        write_volume(image, file)


def _sized(image: sitk.Image) -> str:
    return f"{_times(image.GetSize())} voxels of {_times([f'{step:.4g}' for step in image.GetSpacing()])} mm"


def _times(values: Sequence[object]) -> str:
    return "x".join(map(str, values))
