"""Patterns of file names such as `{patient}/{id}/CT*.nii.gz`: which files they fit, and what the names stand for."""

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from nnunetv2_cipa.errors import InputError

_PARTS = re.compile(r"\{id\}|\{patient\}|\*\*/|\*|\?|[^{*?]+|\{")


class Key(NamedTuple):
    """What the names of a study's files have in common."""

    identifier: str
    patient: str


class Pattern:
    """A pattern relative to a folder: `{id}` is the study's name, `{patient}` the patient's, `*` anything."""

    def __init__(self, text: str) -> None:
        """Compile a pattern.

        Args:
            text: the pattern.

        Raises:
            InputError: it has no `{id}`.
        """
        if "{id}" not in text:
            raise InputError(f"The pattern {text!r} has no {{id}}, such as in '{{id}}/CT*.nii.gz'.")
        self.text = text
        self._glob = re.sub(r"\{id\}|\{patient\}", "*", text)
        seen: set[str] = set()
        self._expression = re.compile("".join(_expression(part, seen) for part in _PARTS.findall(text)))

    def files(self, folder: Path) -> dict[Key, list[Path]]:
        """The files below a folder that fit, by what they stand for."""
        found: dict[Key, list[Path]] = defaultdict(list)
        for path in sorted(folder.glob(self._glob)):
            match = self._expression.fullmatch(path.relative_to(folder).as_posix())
            if match and path.is_file():
                found[Key(match["id"], match.groupdict().get("patient") or "")].append(path)
        return found


def _expression(part: str, seen: set[str]) -> str:
    """Regular expression of a part of a pattern; a name that comes again must be the same."""
    if part in ("{id}", "{patient}"):
        name = part[1:-1]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>[^/]+)"
    return {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
