"""A comparison's tables as Markdown, and as LaTeX for a paper."""

import re
from collections.abc import Sequence

from .comparison import Comparison
from .table import Cell, Table
from .tables import description, tables

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "²": r"\textsuperscript{2}",
}


def markdown(comparison: Comparison) -> str:
    """A page of all tables."""
    lines = [f"# {_markdown_text(comparison.dataset_name)}: {len(comparison.models)} models compared", ""]
    lines += [f"- {_markdown_text(sentence)}" for sentence in description(comparison)]
    for table in tables(comparison):
        lines += ["", f"## {_markdown_text(table.title)}", "", *_markdown_table(table)]
        lines += [line for note in table.notes for line in ("", _markdown_text(note))]
    return "\n".join(lines) + "\n"


def latex(comparison: Comparison) -> str:
    r"""All tables, each a `table` for a document that uses the package booktabs."""
    lines = [r"% \usepackage{booktabs}", *(f"% {sentence}" for sentence in description(comparison))]
    for table in tables(comparison):
        lines += ["", *_latex_table(table)]
    return "\n".join(lines) + "\n"


def _markdown_table(table: Table) -> list[str]:
    """Columns padded to one width, so that it is readable as it stands too."""

    def shown(cell: Cell) -> str:
        text = _markdown_text(cell.whole)
        return f"**{text}**" if cell.bold else text

    rows = [
        [_markdown_text(column.text) for column in table.columns],
        *([shown(cell) for cell in row] for row in table.rows),
    ]
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(table.columns))]
    lines = [_padded(row, widths) for row in rows]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [lines[0], _padded(rule, widths), *lines[1:]]


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    texts = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
    return f"| {' | '.join(texts)} |"


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\|*_<])", r"\\\1", text)


def _latex_table(table: Table) -> list[str]:
    def shown(cell: Cell) -> str:
        text = re.sub(r"(?<!\w)-(?=\d)", "$-$", _latex_text(cell.whole))
        return rf"\textbf{{{text}}}" if cell.bold else text

    def line(texts: Sequence[str]) -> str:
        return " & ".join(texts) + r" \\"

    caption = ". ".join((table.title, " ".join(table.notes))) if table.notes else table.title
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex_text(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        line([_latex_text(column.text) for column in table.columns]),
        r"\midrule",
        *(line([shown(cell) for cell in row]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
