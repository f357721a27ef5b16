"""What ITK keeps silent about when it reads NIfTI: files that are torn, and values that are no numbers."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError

_AT_A_TIME = 2**20
_LONGEST_HEADER = 540
_FLOATS = {16: "f4", 64: "f8"}
"""NIfTI's codes of data types."""


def check_values(file: Path) -> None:
    """Make sure that a .nii.gz or .nii is complete and has finite numbers only; other files are not looked at.

    ITK takes what a torn .nii.gz lacks for zeros, and every value that is no number, too.

    Raises:
        InputError: it is torn, damaged, or has values that are NaN or infinite.
    """
    if file.suffix not in (".gz", ".nii"):
        return
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            floats, start = _floats_of(stream.read(_LONGEST_HEADER))
            stream.seek(start)
            finite = True
            while content := stream.read(_AT_A_TIME):
                finite = finite and (floats is None or bool(np.isfinite(_numbers(content, floats)).all()))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if not finite:
        raise InputError(
            f"{file} has voxels that are no numbers (NaN or infinite). Set them to 0 (air in a CT: -1024) where it has "
            "no data."
        )


def _floats_of(header: bytes) -> tuple[np.dtype[np.floating] | None, int]:
    """Type of the values, if they are floating-point numbers, and where they begin; NIfTI-1 and NIfTI-2."""
    for order in "<>":
        if header[:4] == struct.pack(f"{order}i", 348) and len(header) >= 112:
            (code,), (start,) = (
                struct.unpack_from(f"{order}h", header, 70),
                struct.unpack_from(f"{order}f", header, 108),
            )
        elif header[:4] == struct.pack(f"{order}i", 540) and len(header) >= 176:
            (code,), (start,) = (
                struct.unpack_from(f"{order}h", header, 12),
                struct.unpack_from(f"{order}q", header, 168),
            )
        else:
            continue
        if code in _FLOATS and start > 0:
            return np.dtype(order + _FLOATS[code]), int(start)
    return None, 0


def _numbers(content: bytes, floats: np.dtype[np.floating]) -> NDArray[np.floating]:
    return np.frombuffer(content, floats, len(content) // floats.itemsize)
