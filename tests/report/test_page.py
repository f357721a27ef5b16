"""The page as a file: what is in it, where the cases are, and what is left alone."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation.measures import LEVELS
from nnunetv2_cipa.report import page
from nnunetv2_cipa.report.page import write_report


class Page(HTMLParser):
    """Tags, identifiers and text of a page, and elements that were not closed."""

    VOID = (
        "meta",
        "link",
        "input",
        "br",
        "line",
        "image",
        "fefuncr",
        "fefuncg",
        "fefuncb",
        "fecolormatrix",
        "fecomposite",
    )

    def __init__(self, text):
        super().__init__()
        self.open, self.identifiers, self.links, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.identifiers += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes[name] for name in ("src", "href", "xlink:href") if name in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)


@pytest.fixture(scope="module")
def report(comparison, tmp_path_factory):
    written = write_report(comparison, tmp_path_factory.mktemp("report") / "report.html")
    return written, written.page.read_text(encoding="utf-8")


def test_a_small_report_is_one_file(report):
    written, text = report
    assert written.folder is None
    assert [file.name for file in written.page.parent.iterdir()] == ["report.html"]
    assert text.count('<script type="application/json" id="case-') == 7


def test_is_well_formed_and_refers_to_nothing_outside(report):
    parsed = Page(report[1])
    assert parsed.open == []
    assert len(parsed.identifiers) == len(set(parsed.identifiers))
    outside = [link for link in parsed.links if not link.startswith(("#", "data:"))]
    assert outside == []
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= set(parsed.identifiers)
    assert "default-src 'none'" in report[1]
    assert not re.search(r"url\((?!#)", report[1])


def test_shows_all_parts(report, comparison):
    words = " ".join(Page(report[1]).words)
    for part in ("Means over patients", "PCLT20K protocol", "Paired differences", "Each patient", "Training", "Costs"):
        assert part in words
    for measure in comparison.measures(*LEVELS):
        assert measure.title in words
    assert "published, not measured here" in words
    assert "With 3 patients p cannot be smaller than 0.25, nor p (Holm) than 0.75" in words
    assert "Swin-Unet" in words
    for model in comparison.models:
        assert model.name in words
        assert model.runs[0].source in words


def test_names_are_never_markup(report):
    assert "</script><b>x" not in report[1]
    assert "<script>throw" not in report[1]
    assert report[1].count("<script") == 7 + 2


@pytest.mark.usefixtures("undrawn")
def test_parts_without_content_are_left_out(make_comparison, tmp_path):
    alone = make_comparison(tmp_path, ["ada_1", "ada_2"], models=("only",))
    bare = replace(alone, models=(replace(alone.models[0], costs=None, curves=()),), published=(), images=None)
    text = write_report(bare, tmp_path / "report.html").page.read_text(encoding="utf-8")
    assert Page(text).open == []
    for part in ("Paired differences", "<h2>Training", "<h2>Costs", "<h2>Published", "<h2>Runs"):
        assert part not in text


@pytest.mark.usefixtures("undrawn")
def test_a_large_report_has_its_cases_beside_it(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_EMBEDDED_BYTES", 100)
    written = write_report(comparison, tmp_path / "my report #1.html")
    assert written.folder == tmp_path / "my report #1_files"
    assert sorted(file.name for file in written.folder.iterdir()) == [f"case_{number}.js" for number in range(7)]
    assert written.case_bytes == sum(file.stat().st_size for file in written.folder.iterdir())
    text = written.page.read_text(encoding="utf-8")
    assert 'data-folder="my%20report%20%231_files"' in text
    assert 'id="case-0"' not in text


@pytest.mark.usefixtures("undrawn")
def test_nothing_is_overwritten_unasked(comparison, tmp_path, monkeypatch):
    output = tmp_path / "report.html"
    output.write_text("mine")
    with pytest.raises(InputError, match=r"report\.html exists already"):
        write_report(comparison, output)
    assert output.read_text() == "mine"
    output.unlink()
    (tmp_path / "report_files").mkdir()
    with pytest.raises(InputError, match="report_files exists already"):
        write_report(comparison, output)
    monkeypatch.setattr(page, "MOST_EMBEDDED_BYTES", 100)
    (tmp_path / "report_files" / "old").touch()
    write_report(comparison, output, overwrite=True)
    assert {file.name for file in tmp_path.iterdir()} == {"report.html", "report_files"}
    assert not (tmp_path / "report_files" / "old").exists()


def test_a_failure_leaves_nothing_behind(comparison, tmp_path, monkeypatch):
    def fail(*_args, **_options):
        raise InputError("no")

    monkeypatch.setattr(page, "write_case_files", fail)
    with pytest.raises(InputError, match="no"):
        write_report(comparison, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
