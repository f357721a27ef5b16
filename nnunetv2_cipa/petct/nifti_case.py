"""A study as NIfTI volumes: CT in HU, PET in SUV, and a label on the grid of either."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .grids import target_grid
from .labels import Classes, label_values
from .nifti import check_label_grid, checked_ct, checked_suv, read_grid, read_nifti
from .volumes import Volumes


@dataclass(frozen=True)
class NiftiCase:
    """A study and its files.

    Attributes:
        name: case identifier.
        patient: whose study it is.
        ct: HU.
        pet: SUV by body weight.
        label: None if there is none.
        layout: what it was found by.
        classes: what the values of the label become; None keeps them.
    """

    name: str
    patient: str
    ct: Path
    pet: Path
    label: Path | None = None
    layout: str = "nifti"
    classes: Classes | None = None

    @property
    def labelled(self) -> bool:
        """Whether there is a label."""
        return self.label is not None

    def choose(self) -> dict[str, Any]:
        """What is chosen, from headers alone."""
        ct, pet = read_grid(self.ct), read_grid(self.pet)
        target_grid(ct, pet)
        if self.label is not None:
            check_label_grid(read_grid(self.label), self.label, ct, pet)
        return {
            "layout": self.layout,
            "study": self.name,
            "ct": str(self.ct),
            "ct_size": list(ct.GetSize()),
            "pet": str(self.pet),
            "suv_rule": "SUV already, as the file says",
            "suv_factor": [1.0, 1.0],
            "suv_values": {},
            "labels": [] if self.label is None else [str(self.label)],
            "passed_over": [],
            "warnings": [],
        }

    def read(self) -> Volumes:
        """CT, PET and label, checked."""
        ct, pet = checked_ct(read_nifti(self.ct), self.ct), checked_suv(read_nifti(self.pet), self.pet)
        labels = []
        if self.label is not None:
            image = read_nifti(self.label)
            check_label_grid(image, self.label, ct, pet)
            labels.append(label_values(image, str(self.label), self.classes))
        return Volumes(ct, pet, labels, self.choose())

    def without_label(self) -> "NiftiCase":
        """The same study as if nobody had segmented it."""
        return replace(self, label=None)
