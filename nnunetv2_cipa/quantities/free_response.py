"""Free-response analysis: how many lesions are found at the price of how many false ones (Bunch et al. 1977).

A candidate is a lesion of the prediction; its score is the mean probability of foreground in it. (The highest one is 1
in nearly every lesion of a network that was trained for long.) Candidates are matched with the reference's lesions as
in `lesion_matching`. Masks without probabilities give a single point: their lesions all have the same score.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nnunetv2_cipa.errors import InputError

from .lesion_matching import Matching

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
FIGURES = {**{f"{rate:g}": (rate,) for rate in RATES}, "mean": RATES}
"""Sensitivities that a curve is told by: false candidates a patient of each, by its name in files. They and their mean
are those of LUNA16 (Setio et al. 2017), after Niemeijer et al. (2011)."""

Numbers = NDArray[np.float64]


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
    """Points of a free-response curve, from the strictest to the most lenient; of several samples, along the last axis.

    Attributes:
        scores: Candidates from this score on count; the first is infinite, where none does.
        false_positives: False candidates a patient.
        sensitivities: Share of the lesions of all patients that are found; NaN in samples without lesions.
    """

    scores: Numbers
    false_positives: Numbers
    sensitivities: Numbers

    def sensitivity_at(self, *false_positives: float) -> Numbers:
        """The highest sensitivity with no more false candidates a patient than this; of several numbers the mean."""
        highest = [
            np.where(self.false_positives <= allowed, self.sensitivities, 0).max(axis=-1) for allowed in false_positives
        ]
        return np.asarray(np.mean(highest, axis=0))


def candidates(matching: Matching, probabilities: NDArray[np.floating] | None = None) -> Candidates:
    """Score the lesions of one prediction.

    Args:
        matching: Of its lesions with those of the reference.
        probabilities: Of foreground, in the shape of the masks; None scores every lesion 1.
    """
    numbers, number = matching.predictions
    scores = np.ones(number)
    if probabilities is not None and number:
        scores = np.asarray(ndimage.mean(probabilities, numbers, range(1, number + 1)), dtype=np.float64)
    hits = matching.hits
    return Candidates(matching.references[1], tuple(scores[hits].tolist()), tuple(scores[~hits].tolist()))


def free_response(patients: Sequence[Candidates]) -> FreeResponse:
    """The curve over all patients, one `Candidates` for each.

    Raises:
        InputError: no patient has a lesion, so that there is nothing to be found.
    """
    if not any(patient.lesions for patient in patients):
        raise InputError("A free-response curve needs lesions to be found: no patient's reference has one.")
    return Tally(patients).curve(np.ones(len(patients)))


class Tally:
    """Candidates of each patient from each score on, of which the curves of any sample of the patients follow."""

    def __init__(self, patients: Sequence[Candidates]) -> None:
        """Count what there is, one `Candidates` for each patient, at least one."""
        present = {score for patient in patients for score in (*patient.hits, *patient.false)}
        self.scores = np.array([math.inf, *sorted(present, reverse=True)])
        self._lesions = np.array([patient.lesions for patient in patients], dtype=np.float64)
        self._hits = np.stack([self._reaching(patient.hits) for patient in patients])
        self._false = np.stack([self._reaching(patient.false) for patient in patients])

    def curve(self, times: Numbers) -> FreeResponse:
        """The curve of samples in which each patient is so many times, `(..., patients)`."""
        with np.errstate(invalid="ignore"):
            sensitivities = (times @ self._hits) / (times @ self._lesions)[..., np.newaxis]
        return FreeResponse(self.scores, (times @ self._false) / times.sum(axis=-1)[..., np.newaxis], sensitivities)

    def _reaching(self, scores: Sequence[float]) -> Numbers:
        """How many reach each of the tally's scores."""
        return (len(scores) - np.searchsorted(np.sort(scores), self.scores)).astype(np.float64)
