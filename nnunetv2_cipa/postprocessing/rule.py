"""A rule that makes label values of probabilities."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import Classes, Probabilities
from nnunetv2_cipa.quantities.masks import components


@dataclass(frozen=True)
class Rule:
    """How probabilities become masks; sizes are in `unit`, of all foreground labels together.

    Attributes:
        threshold: Probability of foreground from which a pixel is foreground.
        smallest_lesion: Connected components that are smaller are left out.
        no_tumour_below: A case whose remaining foreground is smaller has none.
        unit: "ml" for volumes, "mm2" for slices that have a spacing, else "pixels".
    """

    threshold: float = 0.5
    smallest_lesion: float = 0.0
    no_tumour_below: float = 0.0
    unit: str = "pixels"

    def mask(self, foreground: NDArray[np.floating], pixel_size: float) -> NDArray[np.bool_]:
        """Foreground of probabilities `(D, H, W)`, whose pixels have this size."""
        mask = np.asarray(foreground >= self.threshold)
        if self.smallest_lesion > 0:
            numbers, number = components(mask)
            sizes = np.bincount(numbers.ravel(), minlength=number + 1) * pixel_size
            mask = mask & (sizes >= self.smallest_lesion)[numbers]
        if np.count_nonzero(mask) * pixel_size < self.no_tumour_below:
            return np.zeros_like(mask)
        return mask

    def segmentation(self, probabilities: Probabilities, classes: Classes, pixel_size: float) -> NDArray[np.uint8]:
        """Label values of probabilities `(channels, D, H, W)`.

        Which label a foreground pixel has, nnU-Net's own rule says, as if there were no background: the most probable
        one; of regions those that reach the threshold.
        """
        mask = self.mask(classes.any_foreground(probabilities), pixel_size)
        if classes.has_regions:
            reached = probabilities >= self.threshold
            labels = classes.segmentation(reached.astype(np.float32))
        else:
            labels = classes.segmentation(np.concatenate([np.full_like(probabilities[:1], -1), probabilities[1:]]))
        return np.where(mask, labels, 0).astype(np.uint8)


def read_rule(file: Path) -> Rule:
    """Read a rule that was found in a cross-validation.

    Raises:
        InputError: the file is not there, or has no such rule.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))["rule"]
        rule = Rule(**{name: content[name] for name in ("threshold", "smallest_lesion", "no_tumour_below", "unit")})
        valid = 0 < rule.threshold < 1 and rule.smallest_lesion >= 0 and rule.no_tumour_below >= 0
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} was not written by nnUNetv2_cipa determine_postprocessing.") from error
    if not valid:
        raise InputError(f"{file} has a rule without sense: {content}. A threshold is above 0 and below 1.")
    return rule
