"""References that probabilities are judged by."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.label_folders import find_cases
from nnunetv2_cipa.evaluation.label_images import read_label_image
from nnunetv2_cipa.nnunet.probabilities import Classes


@dataclass(frozen=True)
class References:
    """Label files of a dataset.

    Attributes:
        files: By case identifier.
        classes: What their values mean.
    """

    files: dict[str, Path]
    classes: Classes

    def read(self, case: str, shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Label values of a case, and which of its pixels count.

        Args:
            case: Its identifier.
            shape: That of its probabilities' channels, `(D, H, W)`.

        Raises:
            InputError: the file is unreadable, has values that are no labels, or another shape.
        """
        known = {0, *(int(value) for name in self.classes.names for value in np.ravel(self.classes.labels[name]))}
        ignored = self.classes.ignored
        allowed = frozenset(known if ignored is None else {*known, ignored})
        values = read_label_image(self.files[case], self._reader(), allowed).values
        if values.size != np.prod(shape) or values.shape != shape[-values.ndim :]:
            raise InputError(f"{self.files[case]} has the shape {values.shape}, its probabilities have {shape}.")
        labels = values.reshape(shape).astype(np.uint8)
        return labels, np.ones(shape, dtype=bool) if ignored is None else labels != ignored

    def _reader(self) -> type[Any]:
        from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_file_ending

        example = str(next(iter(self.files.values())))
        reader: type[Any]
        try:
            reader = determine_reader_writer_from_file_ending(
                self.classes.file_ending, example, allow_nonmatching_filename=True, verbose=False
            )
        except RuntimeError:  # no reader takes the example, which is said when its case is read
            reader = determine_reader_writer_from_file_ending(self.classes.file_ending, verbose=False)
        return reader


def find_references(folder: Path, cases: list[str], classes: Classes) -> References:
    """Find the label files of cases.

    Raises:
        InputError: the folder is none, or lacks some; all are named.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder.")
    files = find_cases(folder, classes.file_ending)
    if missing := [case for case in cases if case not in files]:
        listed = "\n".join(f"    {case}" for case in missing)
        raise InputError(f"{folder} lacks the label files ({classes.file_ending}) of {len(missing)} cases:\n{listed}")
    return References({case: files[case] for case in cases}, classes)
