"""The ledger: one JSON line for each start and end of a step, on the disk before anything goes on."""

import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

Result = Literal["done", "failed", "stopped"]


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
