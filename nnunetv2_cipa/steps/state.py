"""What is known of a run's folder: a lock, the ledger of its steps, the content of what they read, and what is done."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.files import file_state

from .step import Step

Result = Literal["done", "failed", "stopped"]
_CHUNK = 2**20


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the operating system gives it back when the process dies, however it dies.

    Raises:
        InputError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(
            f"Another run is at work in {folder}. Wait until it has ended, or choose another folder with -o."
        ) from error
    with lock:
        yield


class Ledger:
    """A file of JSON lines that is only ever appended to.

    A line that was cut off when its writer was killed is left out: a step whose end is not written is not done.

    Lines of a start hold `event`, `step`, `key`, `inputs`, `command` and `time` (seconds since 1970); lines of an end
    hold `event`, `step`, `key`, `id`, `result`, `exit_code`, `seconds`, `proof` and `time`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def started(self, step: str, key: str, inputs: dict[str, Any], command: Sequence[str]) -> None:
        """Write that a step starts."""
        self._append({"event": "start", "step": step, "key": key, "inputs": inputs, "command": list(command)})

    def ended(
        self, step: str, key: str, result: Result, *, exit_code: int | None, seconds: float, proof: str | None
    ) -> None:
        """Write that a step has ended, and how; `proof` identifies what it has left."""
        entry = {"event": "end", "step": step, "key": key, "id": uuid.uuid4().hex, "result": result}
        self._append({**entry, "exit_code": exit_code, "seconds": round(seconds, 2), "proof": proof})

    def last_start(self, step: str) -> dict[str, Any] | None:
        """The last line that says that the step has started."""
        return self._last(event="start", step=step)

    def done(self, step: str) -> dict[str, Any] | None:
        """The last line that says that the step is done."""
        return self._last(event="end", step=step, result="done")

    def seconds(self) -> dict[str, float]:
        """Seconds that each step took, all attempts that ended together, in the order they were done."""
        total: dict[str, float] = {}
        order: dict[str, None] = {}
        for entry in self.entries():
            if entry["event"] == "end":
                total[entry["step"]] = total.get(entry["step"], 0.0) + entry["seconds"]
                if entry["result"] == "done":
                    order[entry["step"]] = None
        return {step: round(total[step], 2) for step in order}

    def entries(self) -> Iterator[dict[str, Any]]:
        """All whole lines."""
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    continue

    def _last(self, **wanted: str) -> dict[str, Any] | None:
        matching = [entry for entry in self.entries() if wanted.items() <= entry.items()]
        return matching[-1] if matching else None

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps({**entry, "time": round(time.time(), 2)}).encode() + b"\n"
        with self.path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


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
        state = file_state(path)
        known = self._known.get(str(path))
        if known is None or known[:-1] != state:
            content = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    content.update(chunk)
            known = self._known[str(path)] = [*state, content.hexdigest()]
        return str(known[-1])


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


class DoneSteps:
    """Tells whether steps are done in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(folder / "steps.jsonl")
        self._folder = folder
        self._contents = ContentDigests(folder / "inputs.json")

    def __contains__(self, step: Step) -> bool:
        """Whether the ledger says that the step is done, with these inputs, and what it left is still there."""
        entry = self.ledger.done(step.name)
        if entry is None or any(self.ledger.done(name) is None for name in step.needs):
            return False
        return bool(entry["key"] == self.key(step)[0] and entry["proof"] == sizes(step.output.proof))

    def key(self, step: Step) -> tuple[str, dict[str, object]]:
        """Key of a step as things are now, and the inputs that it is made of.

        Raises:
            InputError: something that it reads is not there.
            ValueError: a step that it needs is not done.
        """
        contents = {path: self._contents.digest(path) for path in step.reads}
        needs = {name: self._completion(step, name) for name in step.needs}
        inputs: dict[str, object] = {"reads": {str(path): digest for path, digest in contents.items()}, "needs": needs}
        return step_key(step, self._folder, contents, list(needs.values())), inputs

    def _completion(self, step: Step, needed: str) -> str:
        entry = self.ledger.done(needed)
        if entry is None:
            raise ValueError(f"step {step.name} needs {needed}, which is neither done nor to be done")
        return str(entry["id"])


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
