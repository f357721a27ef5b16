"""A study in DICOM: its pair of series, SUV and labels."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError

from .headers import Header
from .hounsfield import read_ct
from .labels import ONE_CLASS, Classes, label_values
from .nifti import check_label_grid, read_grid, read_nifti
from .segmentations import UnwantedSegmentsError, check_frame, read_segmentation
from .selection import Choice, choose_pair
from .series import Series, check_rescaling, group_series, read_volume, why_no_slice
from .structure_sets import StructureSet, choose_regions, label_of, read_structure_set
from .suv import SuvScale, suv_scale
from .tags import ENHANCED_CT, ENHANCED_PET, SEGMENTATION, STRUCTURE_SET
from .volumes import Volumes


@dataclass(frozen=True)
class DicomChoices:
    """What the user decides where a study leaves a choice.

    Attributes:
        series: SeriesInstanceUIDs to take where several are possible.
        aligned: take CT and PET for aligned although their frames of reference differ.
        classes: which segments, regions and values become which class; None makes all tumour.
        rois: patterns of the regions of an RTSTRUCT to take.
    """

    series: tuple[str, ...] = ()
    aligned: bool = False
    classes: Classes | None = None
    rois: tuple[str, ...] = ()


@dataclass(frozen=True)
class DicomCase:
    """A study and its files.

    Attributes:
        name: case identifier.
        patient: whose study it is.
        headers: of all its DICOM files.
        nifti_labels: NIfTI files beside it.
        choices: what the user has decided.
        weight: body weight in kg, where that of the header is missing or wrong.
        fault: why the study is refused from the outset, such as a damaged file in it.
    """

    name: str
    patient: str
    headers: tuple[Header, ...]
    nifti_labels: tuple[Path, ...] = ()
    choices: DicomChoices = DicomChoices()
    weight: float | None = None
    fault: str | None = None

    @property
    def labelled(self) -> bool:
        """Whether there is a SEG, an RTSTRUCT or a NIfTI label."""
        return bool(self.label_files)

    @cached_property
    def label_files(self) -> tuple[Path, ...]:
        """Files that the label can be taken from: SEG before RTSTRUCT before NIfTI."""
        return self._of(SEGMENTATION) or self._of((STRUCTURE_SET,)) or self.nifti_labels

    @cached_property
    def structure_sets(self) -> dict[Path, StructureSet]:
        """The RTSTRUCTs, if the label is taken from them."""
        paths = set(self._of((STRUCTURE_SET,))) & set(self.label_files)
        return {path: read_structure_set(path) for path in sorted(paths)}

    @cached_property
    def regions(self) -> dict[Path, dict[int, int]]:
        """Class of each region to take, by RTSTRUCT and number.

        Raises:
            InputError: see `choose_regions`.
        """
        if not self.structure_sets:
            return {}
        return choose_regions(list(self.structure_sets.values()), self.choices.classes, self.choices.rois)

    @cached_property
    def series(self) -> list[Series]:
        """CT and PET series."""
        return group_series(self.headers)

    @cached_property
    def choice(self) -> Choice:
        """The pair of series.

        Raises:
            InputError: the study is refused.
        """
        if self.fault:
            raise InputError(self.fault)
        if self._of(ENHANCED_PET) and not any(one.is_pet for one in self.series):
            raise InputError(
                f"{self._of(ENHANCED_PET)[0]} is an Enhanced PET (several frames in one file), which is not read. "
                "Export it as single PET slices (SOP class 1.2.840.10008.5.1.4.1.1.128)."
            )
        choice = choose_pair(
            self.series,
            named_series=self.choices.series,
            aligned=self.choices.aligned,
            unusable=self._no_slices(),
        )
        check_rescaling(choice.ct)
        check_rescaling(choice.pet)
        if faults := [header.fault for header in (*choice.ct.headers, *choice.pet.headers) if header.fault]:
            raise InputError(faults[0])
        return choice

    def suv(self) -> SuvScale:
        """The rule from stored values to SUV.

        Raises:
            InputError: see `suv_scale`.
        """
        return suv_scale([header.values for header in self.choice.pet.headers], self.weight)

    def choose(self) -> dict[str, Any]:
        """What is chosen and why, from headers alone."""
        choice, scale = self.choice, self.suv()
        self._check_labels()
        return {
            "layout": "dicom",
            "study": choice.pet["StudyInstanceUID"],
            "ct": str(choice.ct),
            "ct_series": choice.ct.uid,
            "ct_size": [choice.ct["Columns"], choice.ct["Rows"], len(choice.ct.headers)],
            "pet": str(choice.pet),
            "pet_series": choice.pet.uid,
            "ct_covers": choice.coverage,
            "suv_rule": scale.rule,
            "suv_factor": [min(scale.factors), max(scale.factors)],
            "suv_values": dict(scale.values),
            "labels": self._chosen_labels(),
            "passed_over": [*choice.passed_over, *self._other_labels()],
            "warnings": [*choice.warnings, *scale.warnings],
        }

    def read(self) -> Volumes:
        """CT in HU, PET in SUV and labels."""
        record = self.choose()
        stored = read_volume(self.choice.pet)
        factors = np.array(self.suv().factors)[:, None, None]
        pet = sitk.GetImageFromArray((sitk.GetArrayViewFromImage(stored) * factors).astype(np.float32))
        pet.CopyInformation(stored)
        labels = self._labels(record["passed_over"])
        return Volumes(read_ct(self.choice.ct), pet, labels, record, list(record["warnings"]))

    def _labels(self, passed_over: list[str]) -> list[sitk.Image]:
        """The label of each file; a SEG of other things is passed over, unless all are."""
        labels, unwanted = [], []
        for path in self.regions or self.label_files:
            try:
                labels.append(self._label(path))
            except UnwantedSegmentsError as error:
                unwanted.append(str(error))
        if unwanted and not labels:
            raise InputError("; ".join(unwanted))
        passed_over += unwanted
        return labels

    def _label(self, path: Path) -> sitk.Image:
        frame = str(self.choice.ct["FrameOfReferenceUID"])
        if path in self._of(SEGMENTATION):
            return read_segmentation(path, self.choices.classes or ONE_CLASS, self._frame_of(path))
        if path in self.regions:
            structures = self.structure_sets[path]
            drawn_on = [one for one in self.series if structures.drawn_on & one.identifiers]
            return label_of(structures, self.regions[path], grid_of(drawn_on[0] if drawn_on else self.choice.ct), frame)
        return label_values(read_nifti(path), path.name, self.choices.classes)

    def _chosen_labels(self) -> list[str]:
        """The label files, and of RTSTRUCTs the regions."""
        if not self.regions:
            return [str(path) for path in self.label_files]
        return [
            f"{path}: {self.structure_sets[path].names[number]}"
            for path, numbers in self.regions.items()
            for number in numbers
        ]

    def _of(self, classes: tuple[str, ...]) -> tuple[Path, ...]:
        return tuple(header.path for header in self.headers if header.values.get("SOPClassUID") in classes)

    def _frame_of(self, segmentation: Path) -> str:
        """The frame of reference of a SEG, which is that of the CT or, if they are said to be aligned, of the PET."""
        own = next(h.values.get("FrameOfReferenceUID") for h in self.headers if h.path == segmentation)
        ct, pet = (str(one["FrameOfReferenceUID"]) for one in (self.choice.ct, self.choice.pet))
        check_frame(segmentation, str(own), pet if self.choices.aligned and own == pet else ct)
        return str(own)

    def _check_labels(self) -> None:
        """Refuse label files that cannot be the study's, as far as their headers tell."""
        if self.label_files != self.nifti_labels:
            for path in self._of(SEGMENTATION):
                self._frame_of(path)
            return
        if len(self.nifti_labels) > 1:
            listed = ", ".join(map(str, self.nifti_labels))
            raise InputError(f"Several NIfTI files may be its label; name one by --label: {listed}")
        for path in self.nifti_labels:
            check_label_grid(read_grid(path), path, grid_of(self.choice.ct), grid_of(self.choice.pet))

    def _no_slices(self) -> list[str]:
        """Images that are part of no volume, by series, with the reason."""
        enhanced, labels = (*ENHANCED_CT, *ENHANCED_PET), (*SEGMENTATION, STRUCTURE_SET)
        reasons = set()
        for header in self.headers:
            kind, series = header.values.get("SOPClassUID"), header.values.get("SeriesInstanceUID")
            if kind in enhanced:
                reasons.add(f"{header.path}: enhanced, several frames in one file, which is not read")
            elif kind not in labels and (why := why_no_slice(header)):
                reasons.add(f"series {series}: {why}")
        return sorted(reasons)

    def _other_labels(self) -> list[str]:
        every = (*self._of(SEGMENTATION), *self._of((STRUCTURE_SET,)), *self.nifti_labels)
        taken = self.regions or self.label_files
        return [f"{path}: the label is taken from elsewhere" for path in every if path not in taken]

    def without_label(self) -> "DicomCase":
        """The same study as if nobody had segmented it."""
        labels = (*SEGMENTATION, STRUCTURE_SET)
        images = tuple(header for header in self.headers if header.values.get("SOPClassUID") not in labels)
        return replace(self, headers=images, nifti_labels=())


def grid_of(series: Series) -> sitk.Image:
    """The grid of a series as an image of zeros, without reading its pixels."""
    grid = sitk.Image(series["Columns"], series["Rows"], len(series.headers), sitk.sitkUInt8)
    grid.SetOrigin([float(value) for value in series.positions[0]])
    grid.SetSpacing(series.spacing)
    grid.SetDirection(np.stack(series.axes, axis=1).ravel().tolist())
    return grid
