"""Markdown as it is written here: lines that fit, tables that are whole."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if "_build" not in path.parts)


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
