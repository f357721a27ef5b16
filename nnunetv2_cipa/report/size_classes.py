"""Cases by the size of their tumour: thirds of those that have one, and the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnunetv2_cipa.evaluation.wording import amount

_NAMES = ("small", "medium", "large")


@dataclass(frozen=True)
class SizeClass:
    """Cases of like size.

    Attributes:
        title: Such as "small"; "no tumour" where the reference is empty.
        range: Smallest and largest size, with its unit; empty without tumour.
        cases: Positions of the cases, at least one.
    """

    title: str
    range: str
    cases: tuple[int, ...]

    @property
    def has_tumour(self) -> bool:
        """Whether references have foreground."""
        return bool(self.range)


def size_classes(sizes: Sequence[float], unit: str) -> list[SizeClass]:
    """Sort cases into classes, from no tumour to large ones; classes without cases are left out.

    Borders are the thirds (quantiles) of all sizes above 0. Equal sizes are always in the same class.
    """
    values = np.asarray(sizes, dtype=np.float64)
    with_tumour = values[values > 0]
    empty = tuple(np.flatnonzero(values <= 0).tolist())
    classes = [SizeClass("no tumour", "", empty)] if empty else []
    if not with_tumour.size:
        return classes
    borders = np.quantile(with_tumour, [1 / 3, 2 / 3])
    numbers = np.where(values > 0, np.searchsorted(borders, values, side="left"), -1)
    for number, name in enumerate(_NAMES):
        cases = np.flatnonzero(numbers == number)
        if cases.size:
            smallest, largest = values[cases].min(), values[cases].max()
            classes.append(SizeClass(name, f"{amount(smallest)} to {amount(largest)} {unit}", tuple(cases.tolist())))
    return classes
