"""What is needed of a case to know its counts under every rule, without looking at its pixels again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.evaluation.lesions import Lesions
from nnunetv2_cipa.evaluation.overlap import Overlap
from nnunetv2_cipa.quantities.masks import Mask, components


@dataclass(frozen=True)
class ComponentTable:
    """Predicted components at one threshold, and the reference's.

    Attributes:
        sizes: Pixels of each predicted component.
        true_positives: Those of them that are foreground in the reference.
        touches: Which predicted component touches which of the reference's, `(N, 2)`, counted from 0.
        reference_sizes: Pixels of each of the reference's components.
        pixels: That count, foreground or not.
    """

    sizes: NDArray[np.int64]
    true_positives: NDArray[np.int64]
    touches: NDArray[np.int64]
    reference_sizes: NDArray[np.int64]
    pixels: int

    def counts(self, kept: NDArray[np.bool_]) -> tuple[Overlap, Lesions]:
        """Agreement with the reference if only some of the predicted components are kept."""
        hits = int(self.true_positives[kept].sum())
        false_positives = int(self.sizes[kept].sum()) - hits
        missed_pixels = int(self.reference_sizes.sum()) - hits
        overlap = Overlap(hits, false_positives, missed_pixels, self.pixels - hits - false_positives - missed_pixels)
        detected = np.zeros(len(self.reference_sizes), dtype=bool)
        detected[self.touches[kept[self.touches[:, 0]], 1]] = True
        false = kept & (self.true_positives == 0)
        lesions = Lesions(
            detected=int(detected.sum()),
            missed=int((~detected).sum()),
            false=int(false.sum()),
            missed_pixels=int(self.reference_sizes[~detected].sum()),
            false_pixels=int(self.sizes[false].sum()),
        )
        return overlap, lesions


def component_tables(
    reference: Mask, foreground: NDArray[np.floating], counted: Mask, thresholds: Sequence[float]
) -> list[ComponentTable]:
    """Tables of one case for each threshold.

    Args:
        reference: The true mask, `(D, H, W)`.
        foreground: Probability of foreground, the same shape.
        counted: Pixels that count.
        thresholds: Probabilities from which a pixel is foreground.
    """
    truth, number_of_references = components(reference & counted)
    reference_sizes = np.bincount(truth.ravel(), minlength=number_of_references + 1)[1:]
    tables = []
    for threshold in thresholds:
        numbers, number = components((foreground >= threshold) & counted)
        both = (numbers > 0) & (truth > 0)
        pairs = np.unique(np.stack([numbers[both], truth[both]], axis=1), axis=0) - 1
        tables.append(
            ComponentTable(
                sizes=np.bincount(numbers.ravel(), minlength=number + 1)[1:],
                true_positives=np.bincount(numbers[both], minlength=number + 1)[1:],
                touches=pairs.astype(np.int64),
                reference_sizes=reference_sizes,
                pixels=int(np.count_nonzero(counted)),
            )
        )
    return tables
