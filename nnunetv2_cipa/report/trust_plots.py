"""Plots of trust: what a score is worth, and whether probabilities are right."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import PercentFormatter

from .drawing import HALF_WIDTH, new_figure
from .themed_svg import FAINT, INK, inline_svg, model_colour, style

_HEIGHT = 4.6


def risk_coverage_plot(coverage: Sequence[float], risk: Sequence[float], optimal: Sequence[float]) -> Markup:
    """Risk over coverage by the score, beside that of a score that knows the errors and that of all cases."""
    with style():
        figure, axes = new_figure(HALF_WIDTH, _HEIGHT)
        axes.axhline(risk[-1], color=FAINT, linewidth=1, linestyle=(0, (4, 2)), label="without a score")
        axes.plot(coverage, optimal, color=FAINT, linewidth=1.4, label="if the errors were known")
        axes.plot(coverage, risk, color=model_colour(0), linewidth=2.2, label="by this score")
        axes.set_xlabel("Share of the cases taken as predicted")
        axes.set_ylabel("Mean of 1 - Dice")
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.legend()
        return inline_svg(figure, "riskcoverage", "Risk over coverage: by the score, by known errors, without a score")


def reliability_diagram(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Share of foreground over the mean probability of each bin that has pixels."""
    filled = [one for one in bins if one["pixels"]]
    with style():
        figure, axes = new_figure(HALF_WIDTH, _HEIGHT)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 2)))
        axes.plot(
            [one["mean_probability"] for one in filled],
            [one["foreground"] for one in filled],
            color=model_colour(0),
            marker="o",
            linewidth=2,
            clip_on=False,  # dots at 0 and 100 % are whole
        )
        axes.set_xlabel("Probability of foreground", color=INK)
        axes.set_ylabel("Share that is foreground")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0))
        return inline_svg(figure, "reliability", "Share of foreground over its probability, a dot for each bin")
