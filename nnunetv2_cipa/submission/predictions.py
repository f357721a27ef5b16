"""A folder of predictions, as nnU-Net writes it, read as masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_folders import LabelFormat, find_cases, find_label_format, natural_order
from nnunetv2_cipa.evaluation.label_images import read_label_image

from .run_length import Mask

UNUSABLE = "predictions cannot be used"


@dataclass(frozen=True)
class Predictions:
    """Files of predicted labels.

    Attributes:
        folder: Where they are.
        files: By case identifier, numbers in them in their order.
        label_format: How to read them, and which labels are the foreground.
    """

    folder: Path
    files: Mapping[str, Path]
    label_format: LabelFormat

    def read_slice(self, identifier: str) -> Mask:
        """The foreground of one case, `(H, W)`.

        Raises:
            InputError: the file is unreadable, has values that are no labels, or is a volume.
        """
        labels = self.label_format.labels
        values = read_label_image(self.files[identifier], self.label_format.reader, labels.allowed).values
        if values.ndim != 2:
            raise InputError(f"{self.files[identifier]} is a volume: slices are needed here. Ask for nii.gz masks.")
        return np.isin(values, labels.foreground)


def find_predictions(
    folder: Path, foreground: Sequence[int] | None = None, dataset_json: Path | None = None
) -> Predictions:
    """Find the predictions of a folder.

    Args:
        folder: Label files in any format that nnU-Net reads; other files are not looked at.
        foreground: Label values that together are the foreground; by default all of the dataset's.
        dataset_json: The dataset's; by default the one that nnU-Net has put into the folder. Without any, the files'
            ending tells, and the foreground is 1.

    Raises:
        InputError: there are none, or their format remains open.
    """
    label_format = find_label_format(folder, folder, foreground, dataset_json)
    files = find_cases(folder, label_format.ending)
    if not files:
        raise InputError(f"{folder} has no {label_format.ending} file.")
    return Predictions(folder, {case: files[case] for case in sorted(files, key=natural_order)}, label_format)
