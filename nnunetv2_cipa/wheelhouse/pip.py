"""pip, called as a program."""

import subprocess
import sys

from nnunetv2_cipa.errors import InputError

_LAST_LINES = 15


def pip(what: str, command: str, *words: str) -> None:
    """Call this Python's pip; `what` says in words what for.

    Raises:
        InputError: it fails; the message ends with what it said.
    """
    print(f"{what} ...", flush=True)
    called = [sys.executable, "-m", "pip", command, "--disable-pip-version-check", "--no-input", *words]
    finished = subprocess.run(called, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        said = [*finished.stdout.splitlines(), *_errors(finished.stderr)]
        last = "\n".join(said[-_LAST_LINES:])
        raise InputError(f"pip could not {what}. Put that right and start the same again. It said:\n{last}")


def _errors(text: str) -> list[str]:
    """All lines but warnings, of which some indexes cause many."""
    return [line for line in text.splitlines() if not line.startswith("WARNING")]
