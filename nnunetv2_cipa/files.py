"""Writing so that nothing half-written is ever left in the place where others look for it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnunetv2_cipa.errors import InputError


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a path of the same name, to be written to; on success the file is moved to `path`, on an exception removed.

    Raises:
        InputError: `path` exists and `overwrite` is False, or it is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a file. Choose another name.")
    with _workplace(path, overwrite) as folder:
        yield folder / path.name
        (folder / path.name).replace(path)


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder of the same name; on success it becomes `path` as a whole, on an exception it is removed.

    With `overwrite` the old folder stays in place until the new one is complete.

    Raises:
        InputError: `path` exists and `overwrite` is False.
    """
    with _workplace(path, overwrite) as folder:
        complete = folder / path.name
        complete.mkdir()
        yield complete
        if path.exists():
            path.replace(folder / f"{path.name}.old")
        complete.replace(path)


@contextmanager
def _workplace(path: Path, overwrite: bool) -> Iterator[Path]:
    """A hidden folder beside `path`, so that moving from it is a mere renaming; it goes with all that is left in it."""
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already. Remove it, choose another place, or pass --overwrite.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        yield Path(folder)
