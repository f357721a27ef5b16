"""What plots draw with: paths of dots and lines, axes of percents, and where data are in the picture."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.path import Path

from nnunetv2_cipa.report.drawing import Frame, dots, frame_of, lines, new_figure, percent_axis, short_name
from nnunetv2_cipa.report.themed_svg import inline_svg, style

NAN = np.nan


@pytest.fixture
def axes():
    return Figure(figsize=(4, 2)).subplots()


def drawn(axes):
    """The only patch: its points, in which of them a stroke begins, and the patch."""
    (patch,) = axes.patches
    path = patch.get_path()
    assert set(path.codes.tolist()) <= {Path.MOVETO, Path.LINETO}
    return path.vertices.tolist(), (path.codes == Path.MOVETO).tolist(), patch


class TestDots:
    def test_each_is_a_stroke_without_length(self, axes):
        dots(axes, [1, 2], [10.0, 20.0], "#123456", diameter=3.5, alpha=0.5)
        points, begins, patch = drawn(axes)
        assert points == [[1, 10], [1, 10], [2, 20], [2, 20]]
        assert begins == [True, False, True, False]
        assert (patch.get_linewidth(), patch.get_alpha(), patch.get_capstyle()) == (3.5, 0.5, "round")
        assert patch.get_edgecolor() == pytest.approx((0x12 / 255, 0x34 / 255, 0x56 / 255, 0.5))

    def test_undefined_ones_are_left_out(self, axes):
        dots(axes, [1, NAN, 3, 4], [10, 20, NAN, 40], "red", 1)
        assert drawn(axes)[0] == [[1, 10], [1, 10], [4, 40], [4, 40]]

    def test_none_at_all(self, axes):
        dots(axes, [NAN], [1.0], "red", 1)
        assert drawn(axes)[0] == []

    def test_thousands_stay_small(self):
        with style():
            figure, axes = new_figure(8, 4)
            values = np.random.default_rng(0).random((2, 4514))
            dots(axes, *values, "#0b0000", 3)
            assert len(inline_svg(figure, "plot", "many")) < 4514 * 60


class TestLines:
    def test_each_row_is_a_stroke(self, axes):
        x = np.array([[0.0, 1, 2], [0, 1, 2]])
        lines(axes, x, np.array([[5.0, 6, 7], [8, 9, 10]]), "red", 1, 1)
        points, begins, _ = drawn(axes)
        assert points == [[0, 5], [1, 6], [2, 7], [0, 8], [1, 9], [2, 10]]
        assert begins == [True, False, False] * 2

    def test_rows_with_undefined_values_are_left_out(self, axes):
        x = np.array([[0.0, 1], [0, 1], [0, 1]])
        lines(axes, x, np.array([[5.0, NAN], [8, 9], [NAN, NAN]]), "red", 1, 1)
        assert drawn(axes)[0] == [[0, 8], [1, 9]]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("", ""),
        ("exactly 18 letters", "exactly 18 letters"),
        ("these are 19 letter", "these are 19 lett\N{HORIZONTAL ELLIPSIS}"),
        ("x" * 40, "x" * 17 + "\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_long_names_are_shortened_to_18_letters(name, short):
    assert short_name(name) == short


def test_fractions_are_shown_in_percent_with_room_for_dots_at_the_ends(axes):
    percent_axis(axes, "Dice")
    assert axes.get_ylabel() == "Dice"
    assert axes.get_ylim() == (-0.02, 1.02)
    assert [axes.yaxis.get_major_formatter()(value) for value in (0, 0.5, 1)] == ["0%", "50%", "100%"]


@pytest.mark.parametrize("dpi", [50, 100, 300])
def test_the_frame_is_in_points_from_the_upper_left(dpi):
    """Of 4 by 2 inches of 72 points the axes begin at a quarter and end at three quarters; SVG counts down."""
    figure = Figure(figsize=(4, 2), dpi=dpi)
    axes = figure.add_axes((0.25, 0.25, 0.5, 0.5))
    axes.set_xscale("log")
    axes.set_xlim(10, 1000)
    axes.set_ylim(-0.5, 1.5)
    found = frame_of(axes)
    assert found.x == pytest.approx((72, 216))
    assert found.y == pytest.approx((108, 36))
    assert found == Frame(found.x, found.y, sizes=(10, 1000), values=(-0.5, 1.5))


def test_figures_have_one_axes_or_several_beside_each_other():
    figure, axes = new_figure(8, 3)
    assert figure.get_size_inches().tolist() == [8, 3]
    assert figure.axes == [axes]
    figure, several = new_figure(8, 3, columns=3)
    assert list(several) == figure.axes
    figure.draw_without_rendering()
    left = [one.get_position().x0 for one in several]
    assert left == sorted(set(left))
