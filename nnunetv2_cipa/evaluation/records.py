"""What is known about one case and about one patient, and the measures that are read from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from .lesions import Lesions
from .overlap import Overlap
from .surface_distances import SurfaceDistances


@dataclass(frozen=True)
class Units:
    """Units of distances and of volumes, for which areas stand in slices; pixels where images have no spacing."""

    length: Literal["pixels", "mm"]
    volume: Literal["pixels", "mm2", "ml"]


def units(spacing: Sequence[float] | None) -> Units:
    """Units for images of this spacing in mm, given along two axes, three, or (None) not at all."""
    if spacing is None:
        return Units("pixels", "pixels")
    return Units("mm", "ml" if len(spacing) == 3 else "mm2")


@dataclass(frozen=True)
class Volumes:
    """Sizes in `Units.volume`. They add up (`+`), across images of different spacing too.

    Attributes:
        reference: Of the reference's foreground.
        prediction: Of the prediction's foreground.
        false_positive: Of the prediction's components that touch no foreground of the reference, as in autoPET.
        false_negative: Of the reference's components that the prediction does not touch, as in autoPET.
    """

    reference: float = 0.0
    prediction: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0

    def __add__(self, other: "Volumes") -> "Volumes":
        return Volumes(
            self.reference + other.reference,
            self.prediction + other.prediction,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
        )


def volumes(overlap: Overlap, lesions: Lesions, spacing: Sequence[float] | None) -> Volumes:
    """Turn counts of pixels into sizes in `units(spacing)`."""
    pixel = 1.0 if spacing is None else math.prod(spacing)
    if units(spacing).volume == "ml":
        pixel /= 1000  # from mm^3
    return Volumes(
        overlap.reference * pixel,
        overlap.prediction * pixel,
        lesions.false_pixels * pixel,
        lesions.missed_pixels * pixel,
    )


@dataclass(frozen=True)
class Record:
    """Measurements of whatever is evaluated as one."""

    overlap: Overlap
    lesions: Lesions
    volumes: Volumes
    distances: SurfaceDistances


@dataclass(frozen=True)
class Case(Record):
    """One label file and its prediction.

    Attributes:
        identifier: nnU-Net's case identifier, the file name without its ending.
        patient: Whose case it is.
        reference_file: The label file.
        prediction_file: The prediction.
        shape: `(H, W)` or `(D, H, W)`.
        spacing: Distance between pixels in mm along the same axes, None where the files have none.
        slices: Number of slices, 1 for an image `(H, W)`.
        slice_hausdorff95: HD95 by the PCLT20K protocol: in pixels, mean over the slices, its rules for empty masks.
    """

    identifier: str
    patient: str
    reference_file: str
    prediction_file: str
    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None
    slices: int
    slice_hausdorff95: float


@dataclass(frozen=True)
class Patient(Record):
    """All cases of one patient.

    Overlap, lesions and volumes are sums over the cases, so that the patient's Dice is the one of all of its pixels, as
    if its slices were one volume. Distances are means over those cases where they are defined.

    Attributes:
        identifier: The patient.
        cases: Number of cases.
    """

    identifier: str
    cases: int


def pool_patient(identifier: str, cases: Sequence[Case]) -> Patient:
    """Make one patient of its cases."""
    return Patient(
        overlap=sum((case.overlap for case in cases), Overlap()),
        lesions=sum((case.lesions for case in cases), Lesions()),
        volumes=sum((case.volumes for case in cases), Volumes()),
        distances=SurfaceDistances(
            hausdorff95=mean([case.distances.hausdorff95 for case in cases]).value,
            average=mean([case.distances.average for case in cases]).value,
        ),
        identifier=identifier,
        cases=len(cases),
    )


@dataclass(frozen=True)
class Mean:
    """A mean over those of `total` values that are defined; NaN where none is."""

    value: float
    defined: int
    total: int


def mean(values: Sequence[float]) -> Mean:
    """Average what is not NaN."""
    defined = [value for value in values if not math.isnan(value)]
    return Mean(math.fsum(defined) / len(defined) if defined else math.nan, len(defined), len(values))


@dataclass(frozen=True)
class Measure:
    """A measure of cases and patients.

    Attributes:
        name: Its key in files.
        title: Its name in tables.
        attribute: Where in a `Record` it stands.
        kind: A fraction (0 to 1), or in which of `Units` it is.
        higher_is_better: Which of two values is the better one.
    """

    name: str
    title: str
    attribute: str
    kind: Literal["fraction", "length", "volume"]
    higher_is_better: bool

    def of(self, record: Record) -> float:
        """Its value for a case or a patient, NaN where undefined."""
        return attrgetter(self.attribute)(record)

    def unit(self, used: Units) -> str:
        """Its unit where these units are used, empty for a fraction."""
        return {"fraction": "", "length": used.length, "volume": used.volume}[self.kind]


MEASURES = (
    Measure("dice", "Dice", "overlap.dice", "fraction", higher_is_better=True),
    Measure("iou", "IoU", "overlap.iou", "fraction", higher_is_better=True),
    Measure("sensitivity", "Sensitivity", "overlap.sensitivity", "fraction", higher_is_better=True),
    Measure("precision", "Precision", "overlap.precision", "fraction", higher_is_better=True),
    Measure("hausdorff95", "HD95", "distances.hausdorff95", "length", higher_is_better=False),
    Measure("average_surface_distance", "ASSD", "distances.average", "length", higher_is_better=False),
    Measure("false_positive_volume", "FP volume", "volumes.false_positive", "volume", higher_is_better=False),
    Measure("false_negative_volume", "FN volume", "volumes.false_negative", "volume", higher_is_better=False),
    Measure("lesion_f1", "Lesion F1", "lesions.f1", "fraction", higher_is_better=True),
)
