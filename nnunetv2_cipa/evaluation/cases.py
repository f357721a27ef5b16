"""What is counted and measured of one case, and of one patient."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from nnunetv2_cipa.quantities.free_response import Candidates
from nnunetv2_cipa.quantities.lesion_matching import MatchedLesions
from nnunetv2_cipa.quantities.surface_dice import SurfaceAgreement

from .lesions import Lesions
from .overlap import Counts, Overlap
from .surface_distances import SurfaceDistances
from .uptake_of_masks import Uptake, pool_uptake


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
class Volumes(Counts):
    """Sizes in `Units.volume`. They add up across images of different spacing too.

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


def pixel_size(spacing: Sequence[float] | None) -> float:
    """Size of a pixel in the volume's unit of `units(spacing)`."""
    size = 1.0 if spacing is None else math.prod(spacing)
    return size / 1000 if units(spacing).volume == "ml" else size  # from mm^3


def volumes(overlap: Overlap, lesions: Lesions, spacing: Sequence[float] | None) -> Volumes:
    """Turn counts of pixels into sizes in `units(spacing)`."""
    pixel = pixel_size(spacing)
    return Volumes(
        overlap.reference * pixel,
        overlap.prediction * pixel,
        lesions.false_pixels * pixel,
        lesions.missed_pixels * pixel,
    )


@dataclass(frozen=True, kw_only=True)
class Record:
    """Measurements of whatever is evaluated as one.

    Attributes:
        overlap: Counts of pixels.
        lesions: Counts of connected components.
        volumes: Sizes.
        distances: Between the borders.
        surface: What of the borders agrees within the tolerance.
        matches: Lesions with and without a partner of the other mask, one to one, their sizes in `Units.volume`.
        candidates: The prediction's lesions as a free-response curve needs them.
        uptake: What PET says of both masks; None without PET in SUV.
        slices: Number of slices, 1 for an image `(H, W)`.
        slice_hausdorff95: HD95 by the PCLT20K protocol: in pixels, mean over the slices, its rules for empty masks.
        identifier: nnU-Net's case identifier, the file name without its ending; of several cases the patient's.
    """

    overlap: Overlap
    lesions: Lesions
    volumes: Volumes
    distances: SurfaceDistances
    surface: SurfaceAgreement = field(default_factory=SurfaceAgreement)
    matches: MatchedLesions = field(default_factory=MatchedLesions)
    candidates: Candidates = field(default_factory=Candidates)
    uptake: Uptake | None = None
    slices: int
    slice_hausdorff95: float
    identifier: str

    @property
    def slice_distances(self) -> float:
        """Sum of the slices' HD95, in pixels."""
        return self.slices * self.slice_hausdorff95


@dataclass(frozen=True, kw_only=True)
class Case(Record):
    """One label file and its prediction.

    Attributes:
        patient: Whose case it is.
        reference_file: The label file.
        prediction_file: The prediction.
        shape: `(H, W)` or `(D, H, W)`.
        spacing: Distance between pixels in mm along the same axes, None where the files have none.
    """

    patient: str
    reference_file: str
    prediction_file: str
    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class Patient(Record):
    """Several cases as one: all of one patient, or all that there are.

    Overlap, lesions and volumes are sums over the cases, so that the patient's Dice is the one of all of its pixels, as
    if its slices were one volume. Distances are means over those cases where they are defined.

    Attributes:
        cases: Number of cases.
    """

    cases: int


def pool(identifier: str, cases: Sequence[Case]) -> Patient:
    """Make one record of several cases, at least one."""
    slices = sum(case.slices for case in cases)
    return Patient(
        overlap=sum((case.overlap for case in cases), Overlap()),
        lesions=sum((case.lesions for case in cases), Lesions()),
        volumes=sum((case.volumes for case in cases), Volumes()),
        distances=SurfaceDistances(
            hausdorff95=mean([case.distances.hausdorff95 for case in cases]).value,
            average=mean([case.distances.average for case in cases]).value,
        ),
        surface=sum((case.surface for case in cases), SurfaceAgreement()),
        matches=sum((case.matches for case in cases), MatchedLesions()),
        candidates=sum((case.candidates for case in cases), Candidates()),
        uptake=pool_uptake([case.uptake for case in cases if case.uptake is not None]),
        slices=slices,
        slice_hausdorff95=math.fsum(case.slice_distances for case in cases) / slices,
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
