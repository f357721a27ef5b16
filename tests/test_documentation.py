"""Markdown as it is written here: lines that fit, tables that are whole, modules and files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if "_build" not in path.parts)
FOLDERS = ("nnunetv2_cipa", "dataset_conversion", "benchmarks", "tests")
FILES = [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
TO_BE_WRITTEN = re.compile("My|my_|MODULE")
"""In the names of files that the reader would write."""


@pytest.fixture(params=PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def lines(request):
    return request.param.read_text(encoding="utf-8").splitlines()


def test_lines_outside_of_tables_fit(lines):
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_every_row_is_of_a_table_with_a_heading(lines):
    for before, row, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if row.startswith("|") and not before.startswith("|"):
            assert after.startswith("|-"), row
        elif row.startswith("|"):
            assert row.count("|") - row.count("\\|") == before.count("|") - before.count("\\|"), row


def module_with(name):
    """The file of the longest part of a dotted name that is a module or package, and the part that follows it."""
    parts = name.removeprefix("nnunetv2_cipa.").split(".")
    path = ROOT / ("" if parts[0] == "dataset_conversion" else "nnunetv2_cipa")
    while parts and (path / parts[0]).is_dir():
        path /= parts.pop(0)
    if parts and (path / f"{parts[0]}.py").is_file():
        return path / f"{parts.pop(0)}.py", parts
    return path / "__init__.py", parts


def test_modules_that_are_named_exist(lines):
    text = "\n".join(lines)
    for name in re.findall(r"`((?:nnunetv2_cipa|dataset_conversion)(?:\.(?!pth)\w+)+)(?:\(.*\))?`", text):
        module, rest = module_with(name)
        assert not rest or re.search(rf"\b{rest[0]}\b", module.read_text(encoding="utf-8")), name


def test_files_that_are_named_exist(lines):
    for name in re.findall(r"`(?:pytest |python )?([\w/]+\.py)\b", "\n".join(lines)):
        assert TO_BE_WRITTEN.search(name) or any(file.as_posix().endswith(f"/{name}") for file in FILES), name
