"""What became of every weight when a file was imported."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_DEPTH = 2


@dataclass(frozen=True)
class ImportSummary:
    """Keys of the network that was filled, and those of the file that were not used.

    Attributes:
        taken: our names of what was copied.
        adapted: our names of what was changed on the way, and how.
        new: our names of what keeps its fresh initialisation, and why.
        unused: the file's names of what has no place.
    """

    taken: Sequence[str]
    adapted: Mapping[str, str]
    new: Mapping[str, str]
    unused: Sequence[str]

    def __str__(self) -> str:
        """The four lists with their counts; keys that share a module are counted together."""
        sections = [
            ("taken", len(self.taken), _modules(self.taken)),
            ("adapted", len(self.adapted), _reasons(self.adapted)),
            ("new", len(self.new), _reasons(self.new)),
            ("unused", len(self.unused), _modules(self.unused)),
        ]
        return "\n".join(
            line
            for title, count, lines in sections
            for line in (f"{title}: {count}", *(f"    {line}" for line in lines))
        )


def _modules(names: Iterable[str]) -> list[str]:
    counts = Counter(_module(name) for name in names)
    return [f"{module} ({count})" if count > 1 else module for module, count in counts.items()]


def _reasons(reasons: Mapping[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"{', '.join(_modules(names))}: {reason}" for reason, names in by_reason.items()]


def _module(name: str) -> str:
    return ".".join(name.split(".")[:_DEPTH])
