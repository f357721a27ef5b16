"""One run in a folder at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nnunetv2_cipa.errors import InputError


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
