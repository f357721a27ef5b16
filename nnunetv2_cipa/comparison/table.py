"""A table of any kind, as text that Markdown, LaTeX and HTML share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One place of a table.

    Attributes:
        text: A figure or a word.
        interval: What stands with it less prominently.
        bold: Whether it is the best, or clear.
        is_model: Whether the text is the name of a model.
    """

    text: str
    interval: str = ""
    bold: bool = False
    is_model: bool = False

    @property
    def whole(self) -> str:
        """All that it says."""
        return f"{self.text} {self.interval}".strip()


@dataclass(frozen=True)
class Table:
    """A table with a heading, and notes that are needed to read it.

    Attributes:
        title: The heading.
        columns: Their headings; the first one is that of the rows' headings.
        rows: As many cells each, the first one a heading.
        notes: A paragraph each.
    """

    title: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def model_columns(*names: str) -> tuple[Cell, ...]:
    """Headings of a table with a column for each model."""
    return Cell(""), *(Cell(name, is_model=True) for name in names)
