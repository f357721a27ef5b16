"""Plots: every case is drawn, and where the frame says it is."""

import math
import re

import numpy as np
import pytest

from nnunetv2_cipa.comparison import Curve
from nnunetv2_cipa.report import plots
from nnunetv2_cipa.report.size_classes import size_classes

NAN = math.nan


def dots(svg, model):
    """Centres of a model's dots: strokes without length."""
    strokes = [path for path in re.findall(r"<path [^>]*>", svg) if f"stroke: var(--model-{model})" in path]
    points = [re.findall(r"M ([\d.]+) ([\d.]+) L ([\d.]+) ([\d.]+)", path) for path in strokes]
    return [(float(x), float(y)) for path in points for x, y, *end in path if [x, y] == end]


def test_dots_of_the_scatter_are_where_the_frame_says():
    sizes, values = [10, 100, 1000, 0], [[0.2, NAN, 0.9, 0.0]]
    svg, frame = plots.size_scatter("plot", ["a"], values, sizes, "pixels", "Dice")
    expected = [
        (
            frame.x[0] + np.ptp(frame.x) * math.log(size / frame.sizes[0]) / math.log(frame.sizes[1] / frame.sizes[0]),
            frame.y[0] + (frame.y[1] - frame.y[0]) * (value - frame.values[0]) / np.ptp(frame.values),
        )
        for size, value in ((10, 0.2), (1000, 0.9))
    ]
    assert np.allclose(dots(svg, 0), expected, atol=0.01)


def test_each_patient_is_a_dot_for_each_model_and_undefined_ones_are_left_out():
    svg = plots.patient_lines("plot", ["a", "b"], [[0.1, 0.5, NAN], [0.2, 0.6, 0.7]], "Dice")
    assert len(dots(svg, 0)) == 2
    assert len(dots(svg, 1)) == 3
    assert "30.0" in svg  # median of the first, in percent
    assert "60.0" in svg


def test_a_model_without_any_value_is_drawn_without_a_median():
    assert len(dots(plots.patient_lines("plot", ["a", "b"], [[NAN], [0.5]], "Dice"), 1)) == 1


def test_long_names_are_shortened_on_the_axis_only():
    name = "a very long name of a model"
    svg = plots.patient_lines("plot", [name], [[0.5]], "Dice")
    assert "a very long name \N{HORIZONTAL ELLIPSIS}" in svg
    assert name in svg


def test_boxes_name_classes_with_their_numbers():
    classes = size_classes([10, 20, 30], "ml")
    svg = plots.size_boxes("plot", ["a", "b"], [[0.1, 0.2, NAN], [0.2, 0.3, 0.4]], classes, "Dice")
    for group in classes:
        assert f"{group.range}, n = 1" in svg


def test_agreement_has_a_dot_for_each_patient_the_bias_and_its_limits():
    reference, prediction = np.array([10.0, 20.0, 40.0]), np.array([12.0, 21.0, 40.0])
    svg = plots.agreement_plot("volume", ["a", "b"], [(reference, prediction), (reference, reference)], "Volume", "ml")
    points = dots(svg, 0)
    assert len(points) == len(dots(svg, 1)) == 3
    across = [point[0] for point in points]
    assert (across[2] - across[1]) / (across[1] - across[0]) == pytest.approx(19.5 / 9.5, abs=0.01)
    assert points[0][1] < points[1][1] < points[2][1]  # the larger the difference, the higher
    assert svg.count("stroke-dasharray") >= 4
    assert "Volume: prediction minus reference (ml)" in svg
    assert len(dots(plots.agreement_plot("tlg", ["a"], [(reference[:1], prediction[:1])], "TLG", "g"), 0)) == 1


def test_curves_of_all_trainings_and_none_without_logs(comparison):
    assert plots.training_curves(comparison.models[2:]) is None
    svg = plots.training_curves(comparison.models)
    assert "var(--model-0)" in svg
    assert "var(--model-1)" in svg
    assert "var(--model-2)" not in svg


def test_moving_average_goes_over_gaps():
    curve = Curve("0", (NAN,) * 4, (NAN,) * 4, (NAN, 1.0, NAN, 0.0), (NAN,) * 4, (NAN,) * 4)
    smooth = plots._smoothed(curve)
    assert np.allclose(smooth, [NAN, 1.0, 1.0, 0.9], equal_nan=True)


@pytest.mark.parametrize("number", [0, 2, 40])
def test_medians_are_of_groups_large_enough(number):
    sizes, values = plots._medians(np.arange(1.0, number + 1), np.linspace(0, 1, number))
    assert len(sizes) == len(values) == (12 if number == 40 else 0)
    assert sizes == sorted(sizes)
