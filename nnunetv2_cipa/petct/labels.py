"""Classes of a label volume, and which segments, contours or values become which of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError

MAX_VALUE = 20
"""Highest value in a label file that is taken for a class; a mask of 0 and 255 needs to be told what it means."""

_WHOLE = 1e-3


@dataclass(frozen=True)
class Classes:
    """Foreground classes: number 1 is the first.

    Attributes:
        sources: for each class's name, what becomes it: patterns of names (`GTV*`), codes or values; empty for
            whatever there is.
    """

    sources: Mapping[str, tuple[str, ...]]

    @classmethod
    def parsed(cls, words: Sequence[str] | None) -> "Classes | None":
        """Classes from `NAME=SOURCE,SOURCE` words; None from none.

        Raises:
            InputError: a word is of another form.
        """
        if not words:
            return None
        pairs = [word.partition("=") for word in words]
        if wrong := [word for word, (name, _, sources) in zip(words, pairs, strict=True) if not name or not sources]:
            raise InputError(f"--labels {wrong[0]}: NAME=SOURCE is needed, such as node=GTVn* or tumor=1,2.")
        return cls({name: tuple(sources.split(",")) for name, _, sources in pairs})

    def number_of(self, *names: str) -> int:
        """Class of something that has these names (its label, its code); 0 if none of the classes wants it."""
        for number, sources in enumerate(self.sources.values(), start=1):
            if any(fnmatchcase(name.casefold(), source.casefold()) for name in names for source in sources):
                return number
        return 0


ONE_CLASS = Classes({"tumor": ("*",)})
"""Whatever is segmented is tumour."""


def label_values(image: sitk.Image, name: str, classes: Classes | None) -> sitk.Image:
    """A label file's classes, uint8.

    Args:
        image: of whole numbers.
        name: of the file, for messages.
        classes: what each value becomes; None keeps the values, which must be small.

    Raises:
        InputError: the values are no whole numbers, too large or negative.
    """
    if image.GetNumberOfComponentsPerPixel() != 1 or image.GetDimension() != 3:
        raise InputError(f"{name}: a label volume of three dimensions is needed.")
    values: NDArray[np.float64] = np.unique(sitk.GetArrayViewFromImage(image))
    whole = np.rint(values)
    if not np.isfinite(values).all() or (np.abs(values - whole) > _WHOLE).any():
        odd = values[~np.isfinite(values) | (np.abs(values - whole) > _WHOLE)][0]
        raise InputError(f"{name} has the value {float(odd):g}: labels are whole numbers. Give a mask, not an image.")
    highest = MAX_VALUE if classes is None else np.inf
    if whole.min() < 0 or whole.max() > highest:
        odd = whole.min() if whole.min() < 0 else whole.max()
        raise InputError(f"{name} has the label {odd:g}. Say what it means, such as --labels tumor={odd:g}")
    kept = sitk.GetArrayFromImage(image)
    table = {
        int(value): int(value) if classes is None else classes.number_of(str(int(value))) for value in whole if value
    }
    result = np.zeros(kept.shape, np.uint8)
    for value, number in table.items():
        result[np.abs(kept - value) <= _WHOLE] = number
    labels = sitk.GetImageFromArray(result)
    labels.CopyInformation(image)
    return labels


def united(volumes: Sequence[sitk.Image]) -> sitk.Image:
    """Union of label volumes on the same grid; where they overlap the higher class stays."""
    result = volumes[0]
    for volume in volumes[1:]:
        result = sitk.Maximum(result, volume)
    return result
