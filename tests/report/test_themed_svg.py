"""Figures within a page: colours of the theme, identifiers of their own, text that stays text."""

import re
import xml.etree.ElementTree as ET

from matplotlib.figure import Figure

from nnunetv2_cipa.report.themed_svg import INK, MOST_COLOURS, inline_svg, model_colour, style


def drawn(name="one", title="Dice"):
    with style():
        figure = Figure(figsize=(3, 2))
        axes = figure.subplots()
        for number in range(MOST_COLOURS):
            axes.plot([0, 1], [number, 1], color=model_colour(number))
        axes.set_title(title, color=INK)
        return inline_svg(figure, name, f"{title} of all")


def test_colours_are_the_pages_variables():
    svg = drawn()
    assert set(re.findall(r"--model-(\d)", svg)) == {str(number) for number in range(MOST_COLOURS)}
    assert "var(--ink)" in svg
    assert "var(--grid)" in svg
    assert not re.search(r"#0[ab]000\d", svg)
    assert "#000000" not in svg
    assert model_colour(MOST_COLOURS) == model_colour(0)


def test_identifiers_are_the_figures_own_and_all_used():
    one, two = drawn("one"), drawn("two")
    identifiers = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert identifiers[0]
    assert not identifiers[0] & identifiers[1]
    for svg, own in zip((one, two), identifiers, strict=True):
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) == own


def test_has_no_style_of_the_whole_page_nor_metadata():
    svg = drawn()
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "font-family" not in svg


def test_names_are_escaped_text():
    svg = drawn(title='a <b> & "c"')
    root = ET.fromstring(svg.replace("xlink:href", "href"))
    assert root.get("aria-label") == 'a <b> & "c" of all'
    assert 'a <b> & "c"' in ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
