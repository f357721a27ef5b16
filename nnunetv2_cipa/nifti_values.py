"""What ITK keeps silent about when it reads NIfTI: files that are torn, and values that are no numbers."""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnunetv2_cipa.errors import InputError

_AT_A_TIME = 2**20
_LONGEST_HEADER = 540
_FLOATS = {16: "f4", 64: "f8"}
"""NIfTI's codes of data types."""


@dataclass(frozen=True)
class _Values:
    """Where a file's values begin and end, in bytes, and their type, if they are floating-point numbers."""

    start: int
    end: int
    floats: np.dtype[np.floating] | None

    def are_finite(self, content: bytes) -> bool:
        if self.floats is None:
            return True
        return bool(np.isfinite(np.frombuffer(content, self.floats, len(content) // self.floats.itemsize)).all())


def check_values(file: Path) -> None:
    """Make sure that a .nii.gz or .nii is complete and has finite numbers only; other files are not looked at.

    ITK takes what a torn file lacks for zeros, and every value that is no number, too.

    Raises:
        InputError: it is torn, damaged, or has values that are NaN or infinite.
    """
    if file.suffix not in (".gz", ".nii"):
        return
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            values = _values_of(stream.read(_LONGEST_HEADER))
            stream.seek(values.start)
            finite = True
            while content := stream.read(_AT_A_TIME):
                finite = finite and values.are_finite(content)
            if stream.tell() < values.end:
                raise EOFError("the file ends before its last voxel")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if not finite:
        raise InputError(
            f"{file} has voxels that are no numbers (NaN or infinite). Set them to 0 (air in a CT: -1024) where it has "
            "no data."
        )


def _values_of(header: bytes) -> _Values:
    """Read a header of NIfTI-1 or NIfTI-2; of anything else nothing is known."""
    for order in "<>":
        if header[:4] == struct.pack(f"{order}i", 348) and len(header) >= 348:
            shape = struct.unpack_from(f"{order}8h", header, 40)
            code, bits = struct.unpack_from(f"{order}2h", header, 70)
            (start,) = struct.unpack_from(f"{order}f", header, 108)
        elif header[:4] == struct.pack(f"{order}i", 540) and len(header) >= 540:
            code, bits = struct.unpack_from(f"{order}2h", header, 12)
            shape = struct.unpack_from(f"{order}8q", header, 16)
            (start,) = struct.unpack_from(f"{order}q", header, 168)
        else:
            continue
        if start > 0 and 0 < shape[0] < len(shape):
            size = math.prod(shape[1 : 1 + shape[0]]) * bits // 8
            return _Values(int(start), int(start) + size, np.dtype(order + _FLOATS[code]) if code in _FLOATS else None)
    return _Values(0, 0, None)
