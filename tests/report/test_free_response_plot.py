"""Free-response curves: a line and a dot for each run with probabilities, a dot alone without."""

import re

from nnunetv2_cipa.quantities.free_response import Candidates, free_response
from nnunetv2_cipa.report.free_response_plot import free_response_plot

SCORED = free_response([Candidates(3, (0.9, 0.6), (0.8, 0.7)), Candidates(1, (0.95,))])
MASKS = free_response([Candidates(3, (1.0, 1.0), (1.0,)), Candidates(1, (1.0,))])
FALSE = free_response([Candidates(1, (0.9,), tuple(0.5 for _ in range(20)))])


def drawn(svg, model):
    """How many lines and how many dots a model has."""
    paths = [path for path in re.findall(r"<path [^>]*>", svg) if f"stroke: var(--model-{model})" in path]
    dots = [use for use in re.findall(r"<use [^>]*>", svg) if f"fill: var(--model-{model})" in use]
    return sum(" L " in path and "fill: none" in path for path in paths), len(dots)


def test_curves_of_probabilities_are_lines_and_masks_dots():
    svg = free_response_plot("plot", ["a", "b"], [[SCORED, SCORED], [MASKS]])
    assert drawn(svg, 0) == (2, 2)
    assert drawn(svg, 1) == (0, 1)
    for number in ("0.125", "0.5", "8"):
        assert f">{number}<" in svg
    assert "False lesions a patient" in svg


def test_more_false_lesions_than_eight_are_shown_too():
    few, many = (free_response_plot("plot", ["a"], [[curve]]) for curve in (SCORED, FALSE))
    ticks = [re.findall(r'<text[^>]*x="([\d.]+)"[^>]*>8<', svg) for svg in (few, many)]
    assert ticks[0] != ticks[1]
