"""Writing so that nothing half-written is ever left where others look for it; reading of JSON and of medical images."""

import errno
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError

_SHOWN = 100
"""Characters of a name that its hidden workplace is named after: with all of them that might be too long a name."""


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a path of the same name, to be written to; on success the file is moved to `path`, on an exception removed.

    Raises:
        InputError: `path` exists and `overwrite` is False, or it is a folder.
        OSError: the system refuses; its message names `path`.
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
        InputError: `path` exists and `overwrite` is False, or it is a file.
        OSError: the system refuses; its message names `path`.
    """
    if path.is_file() and overwrite:
        raise InputError(f"{path} is a file, not a folder. Choose another name.")
    with _workplace(path, overwrite) as folder:
        complete = folder / path.name
        complete.mkdir()
        yield complete
        old = folder / f"{path.name[:_SHOWN]}.old"
        if path.exists():
            path.replace(old)
        try:
            complete.replace(path)
        except BaseException:
            if old.exists():
                old.replace(path)
            raise


def write_volume(image: "sitk.Image", file: Path) -> None:
    """Write a medical image and read it again: on a full disk ITK writes part of a NIfTI file and says nothing.

    Raises:
        InputError: ITK cannot write it.
        OSError: not all of it was written.
    """
    import SimpleITK as sitk  # noqa: N813

    try:
        sitk.WriteImage(image, str(file))
    except RuntimeError as error:
        raise InputError(f"{file} cannot be written: {str(error).splitlines()[-1]}") from error
    try:
        complete = sitk.Hash(sitk.ReadImage(str(file))) == sitk.Hash(image)
    except RuntimeError:
        complete = False
    if not complete:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))


def read_volume(file: Path) -> "sitk.Image":
    """Read a medical image.

    Raises:
        InputError: ITK cannot read it, a part of it is missing, or it has values that are NaN or infinite.
    """
    import SimpleITK as sitk  # noqa: N813

    from nnunetv2_cipa.nifti_values import check_values

    check_values(file)
    try:
        return sitk.ReadImage(str(file))
    except RuntimeError as error:
        raise InputError(f"{file} cannot be read: {str(error).strip().splitlines()[-1]}") from error


def read_volume_header(file: Path) -> "sitk.ImageFileReader":
    """The size, spacing, origin and direction of a medical image, without its values.

    Raises:
        InputError: ITK cannot read it.
    """
    import SimpleITK as sitk  # noqa: N813

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(f"{file} cannot be read: {str(error).strip().splitlines()[-1]}") from error
    return reader


def write_checkpoint(content: object, file: Path) -> None:
    """Write what `torch.load` reads: on a full disk `torch.save` itself only says that a position is unexpected.

    Raises:
        OSError: not all of it can be written.
    """
    import torch

    in_memory = io.BytesIO()
    torch.save(content, in_memory)
    file.write_bytes(in_memory.getbuffer())


def read_json(file: Path) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Read a JSON file.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f"{file} is not valid JSON: {error}.") from error


@contextmanager
def _workplace(path: Path, overwrite: bool) -> Iterator[Path]:
    """A hidden folder beside `path`, so that moving from it is a mere renaming; it goes with all that is left in it."""
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already. Remove it, choose another place, or pass --overwrite.")
    hidden = f".{path.name[:_SHOWN]}."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=hidden, dir=path.parent) as folder:
            yield Path(folder)
    except OSError as error:
        _name_the_target(error, path, str(path.parent / hidden))
        raise


def _name_the_target(error: OSError, path: Path, hidden: str) -> None:
    """Let an error speak of the target where it has no name, as on a full disk, or one in the hidden workplace."""
    if error.errno is not None and (error.filename is None or str(error.filename).startswith(hidden)):
        error.filename, error.filename2 = str(path), None


def existing_parent(path: Path) -> Path:
    """The path, or the nearest of its parents that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def file_state(path: Path) -> list[int]:
    """Size and times of a file, which differ after every change of its content.

    The time of modification alone does not: `cp -p`, `rsync -t` and archives set it to an earlier one.
    """
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
