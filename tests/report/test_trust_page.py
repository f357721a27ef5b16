"""A page of trust alone: its list, maps and plots, and names that HTML must not take for its own."""

import re
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from nnunetv2_cipa import __version__
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.report.trust_page import write_trust_page
from nnunetv2_cipa.report.trust_section import MapPicture, TrustedRow, TrustSection

NAME = "</script><b>x&y"
NONE = "\N{EN DASH}"
ROWS = (TrustedRow(NAME, 0.25, 1.5, 0.125), TrustedRow("second", 1.0, None, None))
MAPS = (MapPicture(NAME, "data:image/png;base64,AAAA", None), MapPicture("second", "data:image/png;base64,BBBB", 3))
PLOT = ("Risk & coverage", "Area <b>.", Markup('<svg class="plot"></svg>'))


class Page(HTMLParser):
    """The cells of the table, captions, and what the page refers to."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.captions, self.links, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        self.cells += [[]] if tag == "tr" else []
        if tag in ("th", "td"):
            self.cells[-1].append("")
        if tag == "figcaption":
            self.captions.append("")

    def handle_endtag(self, tag):
        while self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "tr" in self.open and self.open[-1] in ("th", "td"):
            self.cells[-1][-1] += data
        if self.open and self.open[-1] == "figcaption":
            self.captions[-1] += data


@pytest.fixture
def write(tmp_path):
    """A function that writes a page of a section and returns its text."""

    def write_page(rows=ROWS, maps=MAPS, plots=(), **options):
        section = TrustSection(members=3, rows=rows, maps=maps, highest=1.585, plots=plots)
        write_trust_page(section, tmp_path / "trust.html", **options)
        return (tmp_path / "trust.html").read_text(encoding="utf-8")

    return write_page


def test_the_list_without_references(write):
    assert Page(write()).cells == [
        ["Case", "Agreement", "Entropy, bits"],
        [NAME, "0.250", "1.500"],
        ["second", "1.000", NONE],
    ]


def test_with_references_there_are_dice_and_plots(write):
    text = write(plots=(PLOT,))
    assert Page(text).cells == [
        ["Case", "Agreement", "Entropy, bits", "Dice"],
        [NAME, "0.250", "1.500", "0.125"],
        ["second", "1.000", NONE, NONE],
    ]
    assert str(PLOT[2]) in text
    assert "<h2>Risk &amp; coverage</h2>" in text
    assert "Area &lt;b&gt;." in text


def test_maps_say_whose_they_are_and_which_slice(write):
    text = write()
    page = Page(text)
    assert page.captions == [NAME, "second, slice 3"]
    assert [link for link in page.links if link.startswith("data:image")] == [one.image for one in MAPS]
    assert "1.58 bit" in text
    assert "agreement of 3 members" in text


def test_names_are_text(write):
    text = write()
    assert NAME not in text
    assert "&lt;/script&gt;&lt;b&gt;x&amp;y" in text


def test_nothing_is_loaded_from_elsewhere(write):
    text = write(plots=(PLOT,))
    assert {link.partition(":")[0] if ":" in link else link for link in Page(text).links} == {"data", "#trust"}
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert f'content="nnunetv2_cipa {__version__}"' in text
    assert "default-src 'none'" in text
    assert "nextTheme" in text


@pytest.mark.parametrize(("number", "shown", "is_said"), [(100, 100, False), (101, 100, True)])
def test_of_many_cases_the_first_hundred_are_listed(write, number, shown, is_said):
    text = write(rows=[TrustedRow(f"c{index}", 0.5, 0.5, None) for index in range(number)], maps=())
    assert len(Page(text).cells) == 1 + shown
    assert (f"The first 100 of {number} cases" in text) == is_said
    assert f"<title>Look at these first: {number} cases</title>" in text


def test_nothing_is_overwritten_unasked(write, tmp_path):
    before = write()
    with pytest.raises(InputError, match=r"trust\.html exists already"):
        write(rows=ROWS[1:])
    assert (tmp_path / "trust.html").read_text(encoding="utf-8") == before
    assert len(Page(write(rows=ROWS[1:], overwrite=True)).cells) == 2
