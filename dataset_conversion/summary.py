"""What a converted dataset holds, beside what is published of PCLT20K."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .slice_conversion import ConvertedSlice


class Row(NamedTuple):
    """A quantity, its value here, and its published value (CIPA, CVPR 2025), empty where none is published."""

    quantity: str
    here: str
    published: str

    @property
    def departs(self) -> bool:
        """Whether a published value is different."""
        return self.published not in ("", self.here)


@dataclass(frozen=True)
class Summary:
    """The slices of a converted dataset and its folds.

    Attributes:
        train: Slices of the training set.
        test: Slices of the test set.
        fold_sizes: Validation cases of each fold.
    """

    train: Sequence[ConvertedSlice]
    test: Sequence[ConvertedSlice]
    fold_sizes: Sequence[int]

    def rows(self) -> list[Row]:
        """Every quantity here and as published. Shares of areas are over the slices with tumour."""
        slices = [*self.train, *self.test]
        sizes = Counter(slice_.size for slice_ in slices)
        slices_per_patient = np.array(list(Counter(slice_.patient for slice_ in slices).values()))
        areas = np.array([slice_.tumour_area for slice_ in slices if slice_.tumour_area])
        return [
            Row("patients", f"{len(slices_per_patient):,}", "605"),
            Row("CT-PET pairs for training", f"{len(self.train):,}", "17,416"),
            Row("CT-PET pairs for testing", f"{len(self.test):,}", "4,514"),
            Row("image sizes (pixels)", ", ".join(f"{height}x{width}" for height, width in sorted(sizes)), "512x512"),
            Row("slices per patient", _range(slices_per_patient), "4 to 278"),
            Row("median slices per patient", f"{np.median(slices_per_patient):g}", ""),
            Row("patients with under 40 slices", _share(slices_per_patient < 40), "72.73 %"),
            Row("patients with over 60 slices", _share(slices_per_patient > 60), "13.55 %"),
            Row("slices without tumour", f"{len(slices) - len(areas):,}", ""),
            Row("tumour area (pixels)", _range(areas), "11 to 5,830"),
            Row("median tumour area (pixels)", f"{np.median(areas):g}" if len(areas) else "none", ""),
            Row("tumour areas under 500 pixels", _share(areas < 500), "59.37 %"),
            Row("tumour areas over 1,000 pixels", _share(areas > 1000), "19.93 %"),
            Row("validation cases of the folds", ", ".join(f"{size:,}" for size in self.fold_sizes), ""),
        ]

    def __str__(self) -> str:
        """The rows as a table, those that depart from a published value marked."""
        rows = self.rows()
        quantity_width = max(len(row.quantity) for row in rows)
        here_width = max(len(row.here) for row in rows)
        lines = [f"{'':{quantity_width}}  {'here':>{here_width}}    PCLT20K as published"]
        for row in rows:
            mark = "*" if row.departs else " "
            lines.append(f"{row.quantity:{quantity_width}}  {row.here:>{here_width}} {mark}  {row.published}".rstrip())
        if any(row.departs for row in rows):
            lines.append(
                "* departs from PCLT20K as published: this is another dataset, a part of it, or an altered copy."
            )
        else:
            lines.append("In all of these, this is PCLT20K as published.")
        return "\n".join(lines)


def _range(values: NDArray[np.int_]) -> str:
    return f"{values.min():,} to {values.max():,}" if len(values) else "none"


def _share(chosen: NDArray[np.bool_]) -> str:
    return f"{chosen.mean():.2%}".replace("%", " %") if len(chosen) else "none"
