"""Markdown and LaTeX."""

import re
from dataclasses import replace

import pytest

from nnunetv2_cipa.comparison.rendering import latex, markdown
from nnunetv2_cipa.comparison.tables import tables


@pytest.fixture
def awkward(comparison):
    """A model with a name that both languages would take for their own."""
    name = r"a_b|c&d%e{f}\g*h"
    models = (replace(comparison.models[0], name=name), comparison.models[1])
    means, free_response = (
        {name: found["CIPA"], "U-Net": found["U-Net"]} for found in (comparison.means, comparison.free_response)
    )
    differences = tuple(replace(difference, first=name) for difference in comparison.differences)
    return replace(comparison, models=models, means=means, differences=differences, free_response=free_response)


def test_markdown_has_every_table_and_note(comparison):
    text = markdown(comparison)
    assert text.startswith("# Dataset605\\_PCLT20K: 2 models compared\n")
    for table in tables(comparison):
        assert f"\n## {table.title}\n" in text
        assert all(note.replace("_", r"\_") in text for note in table.notes)
    assert re.search(r"\| Dice % +\| +\*\*\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]\*\* \|", text)


def test_markdown_lines_up(awkward):
    blocks = re.findall(r"(?:^\|.*\|\n)+", markdown(awkward), flags=re.MULTILINE)
    assert len(blocks) == len(tables(awkward))
    for block in blocks:
        lines = block.splitlines()
        assert len({len(line) for line in lines}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_latex_is_well_formed(awkward):
    text = latex(awkward)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(tables(awkward))
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    escaped = re.sub(r"\\[{}&%_#$\\]", "", body)
    assert escaped.count("{") == escaped.count("}")
    assert "%" not in escaped
    assert "_" not in escaped
    assert r"a\_b|c\&d\%e\{f\}\textbackslash{}g*h" in body
    for tabular in re.findall(r"\\begin\{tabular\}\{(l+r*)\}(.*?)\\end\{tabular\}", body, flags=re.DOTALL):
        rows = [line for line in tabular[1].splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(tabular[0]) - 1}
        assert tabular[1].split()[0] == r"\toprule"
    assert r"\textbf{" in body


def test_latex_has_minus_signs(comparison):
    text = latex(comparison)
    assert re.search(r"\$-\$\d", text)
    assert not re.search(r"& \[?-\d", text)
    assert "U-Net" in text
