"""What a step depends on, as one key: the arguments, the content of what it reads and the steps before it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2_cipa.errors import InputError

from .step import Step

_CHUNK = 2**20


class ContentDigests:
    """Digests of files' content, kept in a file so that only new and changed ones are read.

    Whether a file has changed is told by its size and the time of its last change.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, list[Any]] = _read_cache(cache)

    def digest(self, path: Path) -> str:
        """Digest of a file, or of the names and contents of all files in a folder, hidden ones left out.

        Raises:
            InputError: there is no such file or folder.
        """
        if not path.exists():
            raise InputError(f"{path} does not exist.")
        files = [(str(file.relative_to(path)), self._file(file)) for file in _files(path)]
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        self._cache.write_text(json.dumps(self._known), encoding="utf-8")
        return _hash(files)

    def _file(self, path: Path) -> str:
        state = path.stat()
        known = self._known.get(str(path))
        if known is None or known[:2] != [state.st_size, state.st_mtime_ns]:
            content = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    content.update(chunk)
            known = self._known[str(path)] = [state.st_size, state.st_mtime_ns, content.hexdigest()]
        return str(known[2])


def step_key(step: Step, folder: Path, contents: Mapping[Path, str], needs: Sequence[str]) -> str:
    """Key of a step in a folder: another key, another result.

    Args:
        step: to be done.
        folder: of the run; that its place changes does not matter, nor that of what is read and of programs.
        contents: digest of each thing that it reads.
        needs: what identifies the completion of each step that it needs.
    """
    places = {str(path): f"<read {number}>" for number, path in enumerate(step.reads)} | {str(folder): "<folder>"}
    words = [Path(step.command[0]).name, *step.command[1:]]
    for place, name in places.items():
        words = [word.replace(place, name) for word in words]
    return _hash([words, sorted(step.environment.items()), [contents[path] for path in step.reads], list(needs)])


def sizes(paths: Sequence[Path]) -> str | None:
    """Digest of the names and sizes of files, folders' files included; None where one of the paths is missing."""
    if not all(path.exists() for path in paths):
        return None
    return _hash([[(str(file.relative_to(path)), file.stat().st_size) for file in _files(path)] for path in paths])


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or all files below a folder in order."""
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            if not entry.name.startswith("."):
                yield from _files(entry)
    else:
        yield path


def _hash(content: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _read_cache(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):  # without it everything is read again
        return {}
    return content if isinstance(content, dict) else {}
