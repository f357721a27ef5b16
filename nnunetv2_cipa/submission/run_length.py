"""Run-length encoding of masks: `start length start length ...`, pixels counted from 1, as Kaggle has it."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.errors import InputError

Order = Literal["column", "row"]
Mask = NDArray[np.bool_]

_NUMPY_ORDER: dict[Order, Literal["C", "F"]] = {"column": "F", "row": "C"}


def encode(mask: Mask, order: Order = "column", empty: str = "") -> str:
    """Encode a mask of shape `(H, W)`.

    Args:
        mask: True in the foreground.
        order: "column": pixels are counted from top to bottom, then left to right; "row": left to right, then top to
            bottom.
        empty: What a mask without foreground becomes.

    Returns:
        Starts and lengths of the runs, separated by one space; starts increase, and runs do not touch.
    """
    pixels = np.zeros(mask.size + 2, dtype=np.int8)  # background on both sides, so that every run has two edges
    pixels[1:-1] = mask.ravel(order=_NUMPY_ORDER[order])
    edges = np.flatnonzero(np.diff(pixels)) + 1
    if edges.size == 0:
        return empty
    edges[1::2] -= edges[::2]
    return " ".join(map(str, edges.tolist()))


def decode(text: str, shape: tuple[int, int], order: Order = "column", empty: str = "") -> Mask:
    """Turn run lengths back into a mask of shape `(H, W)`.

    Raises:
        InputError: the text is not a list of runs within `shape` that increase and do not overlap.
    """
    mask = np.zeros(shape[0] * shape[1], dtype=bool)
    if text.strip() == empty.strip():
        return mask.reshape(shape)
    try:
        numbers = np.array([int(word) for word in text.split()], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{_shortened(text)} is no run-length encoding: it must hold whole numbers only.") from error
    if numbers.size == 0 or numbers.size % 2:
        raise InputError(f"{_shortened(text)} is no run-length encoding: it must hold pairs of start and length.")
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    ends = starts + lengths
    if (lengths < 1).any() or starts[0] < 0 or (starts[1:] < ends[:-1]).any() or ends[-1] > mask.size:
        raise InputError(
            f"{_shortened(text)} does not fit {shape[0]}x{shape[1]} pixels: runs must have at least one pixel, "
            f"increase, not overlap, and end by pixel {mask.size}."
        )
    edges = np.zeros(mask.size + 1, dtype=np.int8)
    np.add.at(edges, starts, 1)
    np.add.at(edges, ends, -1)
    return np.cumsum(edges[:-1], dtype=np.int8).astype(bool).reshape(shape, order=_NUMPY_ORDER[order])


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
