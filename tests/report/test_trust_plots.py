"""Plots of trust: which values are drawn, over which axes, and how they come into a page."""

import pytest

from nnunetv2_cipa.report import trust_plots
from nnunetv2_cipa.report.trust_plots import reliability_diagram, risk_coverage_plot

COVERAGE, RISK, OPTIMAL = [0.25, 0.5, 0.75, 1.0], [0.4, 0.3, 0.3, 0.35], [0.1, 0.2, 0.3, 0.35]


def one_bin(pixels, probability, foreground):
    return {"pixels": pixels, "mean_probability": probability, "foreground": foreground}


BINS = [one_bin(0, None, None), one_bin(7, 0.25, 0.5), one_bin(0, None, None), one_bin(3, 1.0, 0.75)]


@pytest.fixture
def figure(monkeypatch):
    """A function that makes a plot and returns its only axes, and the texts that go with it."""

    def make(plot, *arguments):
        monkeypatch.setattr(trust_plots, "inline_svg", lambda *drawn: drawn)
        made, name, description = plot(*arguments)
        (axes,) = made.axes
        return axes, name, description

    return make


def drawn(line):
    return [list(map(float, values)) for values in line.get_data()]


def test_risk_beside_that_of_known_errors_and_that_of_all_cases(figure):
    axes, *_ = figure(risk_coverage_plot, COVERAGE, RISK, OPTIMAL)
    lines = {line.get_label(): drawn(line) for line in axes.lines}
    assert lines["by this score"] == [COVERAGE, RISK]
    assert lines["if the errors were known"] == [COVERAGE, OPTIMAL]
    assert lines["without a score"][1] == [0.35, 0.35]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(lines)
    assert axes.get_xlim() == (0, 1)
    assert axes.get_ylim()[0] == 0
    assert axes.xaxis.get_major_formatter()(0.5) == "50%"


def test_bins_with_pixels_are_dots_beside_the_diagonal(figure):
    axes, *_ = figure(reliability_diagram, BINS)
    diagonal, found = axes.lines
    assert drawn(diagonal) == [[0, 1], [0, 1]]
    assert drawn(found) == [[0.25, 1.0], [0.5, 0.75]]
    assert found.get_marker() == "o"
    assert not found.get_clip_on()
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (0, 1))


def test_without_pixels_the_diagonal_is_alone(figure):
    axes, *_ = figure(reliability_diagram, [one_bin(0, None, None)] * 15)
    assert drawn(axes.lines[1]) == [[], []]


def test_they_are_told_apart(figure):
    first, second = figure(risk_coverage_plot, COVERAGE, RISK, OPTIMAL), figure(reliability_diagram, BINS)
    assert first[1] != second[1]
    assert first[2] != second[2]


@pytest.mark.parametrize(
    ("plot", "arguments", "texts"),
    [
        (risk_coverage_plot, (COVERAGE, RISK, OPTIMAL), ["Mean of 1 - Dice", "by this score", "100%"]),
        (reliability_diagram, (BINS,), ["Probability of foreground", "Share that is foreground", "100%"]),
    ],
)
def test_in_a_page_they_have_its_colours(plot, arguments, texts):
    svg = plot(*arguments)
    assert svg.startswith('<svg class="plot" role="img" aria-label="')
    assert all(text in svg for text in texts)
    assert "var(--model-0)" in svg
    assert "var(--faint)" in svg
