"""Free-response analysis: how many lesions are found at the price of how many false ones (Bunch et al. 1977).

A candidate is a component of the pixels whose probability reaches a threshold; its score is its highest probability.
Candidates are matched with the reference's lesions as in `lesion_matching`. Masks without probabilities give a single
point: their lesions all have the same score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nnunetv2_cipa.errors import InputError

from .lesion_matching import MINIMUM_IOU, match_components
from .masks import Mask


@dataclass(frozen=True)
class Candidates:
    """What was found in one patient. They add up (`+`) over the images of a patient.

    Attributes:
        lesions: Number of the reference's lesions.
        hits: Score of each candidate that matches one of them.
        false: Score of each that does not.
    """

    lesions: int = 0
    hits: tuple[float, ...] = ()
    false: tuple[float, ...] = ()

    def __add__(self, other: "Candidates") -> "Candidates":
        return Candidates(self.lesions + other.lesions, self.hits + other.hits, self.false + other.false)


@dataclass(frozen=True)
class FreeResponse:
    """Points of a free-response curve, from the strictest to the most lenient.

    Attributes:
        scores: Candidates from this score on count; the first is infinite, where none does.
        false_positives: False candidates a patient.
        sensitivities: Share of the lesions of all patients that are found.
    """

    scores: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    sensitivities: NDArray[np.float64]

    def sensitivity_at(self, false_positives: float) -> float:
        """The highest sensitivity with no more false candidates a patient than this."""
        return float(self.sensitivities[self.false_positives <= false_positives].max())


def candidates(
    reference: Mask,
    probabilities: NDArray[np.floating] | Mask,
    *,
    threshold: float = 0.5,
    minimum_iou: float = MINIMUM_IOU,
) -> Candidates:
    """Find the candidates of one image, and which of them match a lesion.

    Args:
        reference: The true mask, `(H, W)` or `(D, H, W)`.
        probabilities: Of foreground, the same shape; or a mask, whose lesions score 1.
        threshold: Probability from which a pixel belongs to a candidate.
        minimum_iou: Overlap from which candidate and lesion match.
    """
    matching = match_components(reference, probabilities >= threshold, minimum_iou=minimum_iou)
    numbers, number = matching.predictions
    scores = np.asarray(ndimage.maximum(probabilities, numbers, range(1, number + 1)), dtype=np.float64)
    hit = np.isin(np.arange(1, number + 1), matching.pairs[:, 1])
    return Candidates(matching.references[1], tuple(scores[hit].tolist()), tuple(scores[~hit].tolist()))


def free_response(patients: Sequence[Candidates]) -> FreeResponse:
    """The curve over all patients, one `Candidates` for each.

    Raises:
        InputError: no patient has a lesion, so that there is nothing to be found.
    """
    lesions = sum(patient.lesions for patient in patients)
    if not lesions:
        raise InputError("A free-response curve needs lesions to be found: no patient's reference has one.")
    hits = np.sort([score for patient in patients for score in patient.hits])
    false = np.sort([score for patient in patients for score in patient.false])
    scores = np.concatenate([[np.inf], np.unique(np.concatenate([hits, false]))[::-1]])
    return FreeResponse(
        scores,
        (len(false) - np.searchsorted(false, scores)) / len(patients),
        (len(hits) - np.searchsorted(hits, scores)) / lesions,
    )
