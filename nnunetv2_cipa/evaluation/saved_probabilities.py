"""Probabilities that nnU-Net has saved beside predictions: they score the predicted lesions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.probabilities import ENDING, Classes, Probabilities, read_classes, read_probabilities

from .label_folders import LabelFormat, Pair


@dataclass(frozen=True)
class SavedProbabilities:
    """Files of probabilities, one for each case.

    Attributes:
        classes: What their channels mean.
        files: By case identifier.
    """

    classes: Classes
    files: dict[str, Path]

    def read(self, case: str, shape: tuple[int, ...], labels: Sequence[Sequence[int]]) -> list[Probabilities]:
        """Probability of each of several sets of label values in a case.

        Args:
            case: Its identifier.
            shape: That of its masks, `(H, W)` or `(D, H, W)`, and of what is returned.
            labels: The sets.

        Raises:
            InputError: the file is unreadable, holds something else, or has another shape.
        """
        found = read_probabilities(self.files[case], self.classes)
        if found.shape[1:] != (1,) * (3 - len(shape)) + shape:
            raise InputError(f"{self.files[case]} has probabilities of the shape {found.shape[1:]}, its mask {shape}.")
        return [self.classes.probability_of(values, found).reshape(shape) for values in labels]


def find_saved(pairs: Sequence[Pair], label_format: LabelFormat) -> SavedProbabilities | None:
    """Find the probabilities beside predictions; None where they are not there for all, or their labels are unknown.

    Raises:
        InputError: they are there, but their dataset.json is no dataset's.
    """
    files = {pair.identifier: pair.prediction.with_name(f"{pair.identifier}{ENDING}") for pair in pairs}
    if label_format.dataset_json is None or not all(file.is_file() for file in files.values()):
        return None
    return SavedProbabilities(read_classes(label_format.dataset_json), files)
