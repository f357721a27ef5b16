"""The plots of the page, drawn by matplotlib when the page is made."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import LogFormatterSciNotation
from numpy.typing import ArrayLike

from nnunetv2_cipa.comparison import ComparedModel, Curve
from nnunetv2_cipa.quantities.agreement import bias, lower_limit, upper_limit

from .drawing import (
    FULL_WIDTH,
    HALF_WIDTH,
    Frame,
    Numbers,
    dots,
    frame_of,
    lines,
    new_figure,
    percent_axis,
    short_name,
)
from .size_classes import SizeClass
from .themed_svg import FAINT, INK, SURFACE, inline_svg, model_colour, style

_JITTER = 0.12
_GROUPS = 12
_LEAST_IN_GROUP = 3


def patient_lines(name: str, names: Sequence[str], values: Sequence[Sequence[float]], title: str) -> Markup:
    """A line for each patient across the models, and each model's median.

    Args:
        name: Of the plot, not used by any other of the page.
        names: Of the models.
        values: For each model the fraction of each patient, NaN where undefined.
        title: Of the measure.
    """
    table = np.array(values, dtype=np.float64)
    with style():
        figure, axes = new_figure(width=HALF_WIDTH, height=4.6)
        shift = np.random.default_rng(0).uniform(-_JITTER, _JITTER, table.shape[1])
        positions = np.arange(len(names))[:, None] + shift
        lines(axes, positions.T, table.T, FAINT, 0.6, alpha=min(0.6, 0.1 + 12 / table.shape[1]))
        for number, (x, y) in enumerate(zip(positions, table, strict=True)):
            dots(axes, x, y, model_colour(number), 4.5)
            median = np.nanmedian(y) if not np.isnan(y).all() else math.nan
            axes.plot([number - 0.28, number + 0.28], [median, median], color=INK, linewidth=2.2)
            if not math.isnan(median):
                axes.annotate(f"{100 * median:.1f}", (number + 0.3, median), va="center", fontsize=9, fontweight="bold")
        percent_axis(axes, title)
        axes.set_xticks(range(len(names)), [short_name(name) for name in names])
        axes.set_xlim(-0.5, len(names) - 0.25)
        described = f"{title} of {table.shape[1]} patients, a line for each, across {', '.join(names)}"
        return inline_svg(figure, name, described)


def size_boxes(
    name: str, names: Sequence[str], values: Sequence[Sequence[float]], members: Sequence[SizeClass], title: str
) -> Markup:
    """Boxes of each model's cases by the size of the tumour.

    Args:
        name: Of the plot, not used by any other of the page.
        names: Of the models.
        values: For each model the fraction of each case, NaN where undefined.
        members: Classes with tumour, at least one, and which cases are in each.
        title: Of the measure.
    """
    table = np.array(values, dtype=np.float64)
    width = 0.8 / len(names)
    with style():
        figure, axes = new_figure(width=HALF_WIDTH, height=4.6)
        for number in range(len(names)):
            defined = [table[number, list(group.cases)] for group in members]
            boxes = axes.boxplot(
                [group[~np.isnan(group)] for group in defined],
                positions=[index + (number - (len(names) - 1) / 2) * width for index in range(len(members))],
                widths=width * 0.78,
                patch_artist=True,
                manage_ticks=False,
                flierprops={"marker": "o", "markersize": 1.8, "markeredgewidth": 0, "alpha": 0.5},
                medianprops={"linewidth": 2, "color": SURFACE},
            )
            for part in ("boxes", "whiskers", "caps"):
                for artist in boxes[part]:
                    artist.set(color=model_colour(number))
            for artist in boxes["fliers"]:
                artist.set(markerfacecolor=model_colour(number))
        percent_axis(axes, title)
        labels = [f"{group.title}\n{group.range}, n = {len(group.cases)}" for group in members]
        axes.set_xticks(range(len(members)), labels)
        axes.set_xlim(-0.55, len(members) - 0.45)
        return inline_svg(figure, name, f"{title} of the cases by size of the tumour, boxes for {', '.join(names)}")


def size_scatter(
    name: str, names: Sequence[str], values: Sequence[Sequence[float]], sizes: Sequence[float], unit: str, title: str
) -> tuple[Markup, Frame]:
    """A dot for each case and model over the size of the tumour, and medians of equally many cases as a line.

    Cases without tumour are left out; there is at least one with.

    Returns:
        The plot, and where the data are in it.
    """
    along = np.array(sizes, dtype=np.float64)
    along[along <= 0] = math.nan
    with style():
        figure, axes = new_figure(width=FULL_WIDTH, height=4.8)
        axes.set_xscale("log")
        for number, of_model in enumerate(values):
            dots(axes, along, np.array(of_model), model_colour(number), 3.6, alpha=0.7 if along.size < 1000 else 0.35)
        for number, of_model in enumerate(values):
            axes.plot(*_medians(along, np.array(of_model)), color=SURFACE, linewidth=4.5)
            axes.plot(*_medians(along, np.array(of_model)), color=model_colour(number), linewidth=2.4)
        percent_axis(axes, title)
        axes.set_xlabel(f"Size of the tumour in the reference ({unit})")
        axes.set_xlim(np.nanmin(along) / 1.15, np.nanmax(along) * 1.15)
        axes.xaxis.set_major_formatter(_PlainNumbers())
        axes.xaxis.set_minor_formatter(_PlainNumbers())
        described = f"{title} of {along.size} cases over the size of the tumour, dots for {', '.join(names)}"
        return inline_svg(figure, name, described), frame_of(axes)


def agreement_plot(
    name: str, names: Sequence[str], pairs: Sequence[tuple[ArrayLike, ArrayLike]], title: str, unit: str
) -> Markup:
    """Differences of each patient over the means of reference and prediction (Bland and Altman), beside each other.

    Args:
        name: Of the plot, not used by any other of the page.
        names: Of the models.
        pairs: For each model the values of all patients, by the reference and by the prediction.
        title: Of the values.
        unit: Of the values.
    """
    tables = [np.array(pair, dtype=np.float64) for pair in pairs]
    with style():
        figure, axes = new_figure(width=FULL_WIDTH, height=4.2, columns=len(names))
        for number, (one, table) in enumerate(zip(np.atleast_1d(axes), tables, strict=True)):
            reference, prediction = table
            dots(one, (reference + prediction) / 2, prediction - reference, model_colour(number), 4.5)
            limits = (lower_limit(reference, prediction), upper_limit(reference, prediction))
            one.axhline(0, color=FAINT, linewidth=0.8)
            one.axhline(float(bias(reference, prediction)), color=INK, linewidth=1.8)
            for limit in limits:
                if not np.isnan(limit):
                    one.axhline(float(limit), color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
            one.set_xlabel(f"Mean of reference and prediction ({unit})")
            one.set_title(short_name(names[number]))
            one.autoscale_view()
        first = np.atleast_1d(axes)[0]
        first.set_ylabel(f"{title}: prediction minus reference ({unit})")
        described = f"{title}, prediction minus reference, of {tables[0].shape[1]} patients, for {', '.join(names)}"
        return inline_svg(figure, name, described)


def training_curves(models: Sequence[ComparedModel]) -> Markup | None:
    """Losses and nnU-Net's validation Dice over the epochs; None where nothing was logged."""
    if not any(model.curves for model in models):
        return None
    with style():
        figure, (losses, dice) = new_figure(width=FULL_WIDTH, height=4.4, columns=2)
        for number, model in enumerate(models):
            for curve in model.curves:
                colour = model_colour(number)
                losses.plot(curve.epochs, curve.train_loss, color=colour, linewidth=1.3)
                losses.plot(curve.epochs, curve.val_loss, color=colour, linewidth=1.1, linestyle=(0, (4, 2)))
                dice.plot(curve.epochs, curve.pseudo_dice, color=colour, linewidth=0.5, alpha=0.45)
                dice.plot(curve.epochs, _smoothed(curve), color=colour, linewidth=1.8)
        losses.set_title("Loss: training, and validation (dashed)")
        dice.set_title("Validation patches: Dice (thin), moving average (thick)")
        percent_axis(dice, "")
        for axes in (losses, dice):
            axes.set_xlabel("Epoch")
        return inline_svg(figure, "training", "Loss and validation Dice over the epochs, a line for each training")


class _PlainNumbers(LogFormatterSciNotation):
    """20, 500 and 3,000 instead of powers."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:,.6g}" if super().__call__(x, pos) else ""


def _medians(sizes: Numbers, values: Numbers) -> tuple[list[float], list[float]]:
    """Medians of size and value of up to `_GROUPS` groups of equally many cases."""
    defined = np.flatnonzero(~np.isnan(sizes) & ~np.isnan(values))
    ascending = defined[np.argsort(sizes[defined], kind="stable")]
    groups = [group for group in np.array_split(ascending, _GROUPS) if group.size >= _LEAST_IN_GROUP]
    return [float(np.median(sizes[group])) for group in groups], [float(np.median(values[group])) for group in groups]


def _smoothed(curve: Curve) -> Numbers:
    """Exponential moving average as in nnU-Net's own progress.png, 0.9 of the past."""
    smooth: list[float] = []
    for value in curve.pseudo_dice:
        before = smooth[-1] if smooth else math.nan
        smooth.append(value if math.isnan(before) else before if math.isnan(value) else 0.9 * before + 0.1 * value)
    return np.array(smooth)
