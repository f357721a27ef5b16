"""What the plots draw with: figures, axes of percents, and thousands of dots or lines as one path."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

HALF_WIDTH, FULL_WIDTH = 7.8, 16.0
"""Of the page, in inches: letters of all plots look alike on a wide screen."""

_SHORT_NAME = 18


@dataclass(frozen=True)
class Frame:
    """Where a plot's data are in its SVG, so that a click finds the case: linear in `log10(x)` and in y.

    Attributes:
        x: Positions of the left and right end of the axes.
        y: Positions of the lower and upper end.
        sizes: Sizes at the left and right end.
        values: Values at the lower and upper end.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    sizes: tuple[float, float]
    values: tuple[float, float]


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of some inches, and its axes: one, or an array of those of several columns."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns)


def percent_axis(axes: Axes, title: str) -> None:
    """Let y be a fraction, shown in percent."""
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel(title)


def dots(axes: Axes, x: ArrayLike, y: ArrayLike, colour: str, diameter: float, alpha: float = 0.9) -> None:
    """Dots as one path of strokes without length and with round ends: thousands of them stay small and quick."""
    points = np.column_stack([x, y])
    points = np.repeat(points[~np.isnan(points).any(axis=1)], 2, axis=0)
    _patch(axes, points, 2, colour, diameter, alpha)


def lines(axes: Axes, x: Numbers, y: Numbers, colour: str, width: float, alpha: float) -> None:
    """A polyline for each row, all of them as one path; rows with undefined values are left out."""
    whole = ~np.isnan(y).any(axis=1)
    _patch(axes, np.stack([x[whole], y[whole]], axis=-1).reshape(-1, 2), x.shape[1], colour, width, alpha)


def _patch(axes: Axes, points: Numbers, each: int, colour: str, width: float, alpha: float) -> None:
    codes = np.full(len(points), Path.LINETO, dtype=Path.code_type)
    codes[::each] = Path.MOVETO
    path = Path(points, codes)
    path.should_simplify = False
    look = {"edgecolor": colour, "linewidth": width, "alpha": alpha, "capstyle": "round", "joinstyle": "round"}
    axes.add_patch(PathPatch(path, facecolor="none", clip_on=False, **look))


def short_name(name: str) -> str:
    """A name that fits under its place on an axis."""
    return name if len(name) <= _SHORT_NAME else name[: _SHORT_NAME - 1] + "…"


def frame_of(axes: Axes) -> Frame:
    """Where the data of axes are, whose x is the logarithm of sizes."""
    figure = axes.get_figure()
    assert figure is not None
    box, height = axes.get_window_extent(), figure.bbox.height
    points = 72 / figure.dpi
    return Frame(
        x=(float(box.x0 * points), float(box.x1 * points)),
        y=(float((height - box.y0) * points), float((height - box.y1) * points)),
        sizes=(float(axes.get_xlim()[0]), float(axes.get_xlim()[1])),
        values=(float(axes.get_ylim()[0]), float(axes.get_ylim()[1])),
    )
