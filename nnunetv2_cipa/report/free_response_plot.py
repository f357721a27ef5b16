"""The plot of free-response curves."""

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, FuncFormatter

from nnunetv2_cipa.quantities.free_response import RATES, FreeResponse

from .drawing import FULL_WIDTH, new_figure, percent_axis
from .themed_svg import inline_svg, model_colour, style

_HEIGHT = 4.2
_ROOM = 1.15


def free_response_plot(name: str, names: Sequence[str], curves: Sequence[Sequence[FreeResponse]]) -> Markup:
    """Steps of each model's runs, and a dot where all of a run's lesions count, that of its masks.

    Args:
        name: Of the plot, not used by any other of the page.
        names: Of the models.
        curves: For each model those of its runs.
    """
    with style():
        figure, axes = new_figure(FULL_WIDTH, _HEIGHT)
        axes.set_xscale("symlog", base=2, linthresh=RATES[0])
        for number, of_model in enumerate(curves):
            colour = model_colour(number)
            for curve in of_model:
                found, false = curve.sensitivities, curve.false_positives
                if len(curve.scores) > 2:  # else there are no scores, and masks are a point
                    axes.step(false, found, where="post", color=colour, linewidth=1.8, alpha=0.9)
                axes.plot(false[-1:], found[-1:], color=colour, marker="o", markersize=6, clip_on=False, zorder=3)
        most = max(float(curve.false_positives[-1]) for of_model in curves for curve in of_model)
        axes.set_xlim(0, _ROOM * max(RATES[-1], most))
        axes.xaxis.set_major_locator(FixedLocator([0, *RATES]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("False lesions a patient")
        percent_axis(axes, "Lesions found")
        described = f"Lesions found over false lesions a patient, a line for each run, for {', '.join(names)}"
        return inline_svg(figure, name, described)
