"""matplotlib's figures as SVG that is part of a page: the page's fonts, and colours that follow its theme.

Figures are drawn with stand-ins for colours, which become CSS variables. So one drawing is dark, light and printed.
"""

import io
import re
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

MOST_COLOURS = 8

INK = "#0a0001"
FAINT = "#0a0002"
GRID = "#0a0003"
SURFACE = "#0a0004"
_VARIABLES = {INK: "--ink", FAINT: "--faint", GRID: "--grid", SURFACE: "--surface"}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text remains text
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def style() -> AbstractContextManager[None]:
    """In this context figures get the page's look."""
    context: AbstractContextManager[None] = mpl.rc_context(_STYLE)
    return context


def model_colour(number: int) -> str:
    """The stand-in for the colour of a model, by its number; after `MOST_COLOURS` they begin again."""
    return f"#0b000{number % MOST_COLOURS}"


def inline_svg(figure: Figure, name: str, description: str) -> Markup:
    """Draw a figure as an `<svg>` element.

    Args:
        figure: Made in the context `style()`.
        name: Not used by any other figure of the page: it is in front of all identifiers.
        description: For those who cannot see it.
    """
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = _own_identifiers(svg, name)
    svg = re.sub(r"#0a000\d", lambda match: f"var({_VARIABLES[match[0]]})", svg)
    svg = re.sub(r"#0b000(\d)", r"var(--model-\1)", svg)
    svg = re.sub(r"font-family: [^;\"]*; ", "", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg)
    opening = f'<svg class="plot" role="img" aria-label="{Markup.escape(description)}" viewBox="'
    return Markup(re.sub(r'<svg\b[^>]*?viewBox="', lambda _: opening, svg, count=1))


def _own_identifiers(svg: str, name: str) -> str:
    """Leave only identifiers that something refers to, and make them unlike those of other figures."""
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r'\sid="([^"]+)"', renamed, svg)
    return re.sub(r'(url\(#|href="#)', rf"\1{name}-", svg)
