"""Outlines of masks as SVG paths, along the borders of pixels."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nnunetv2_cipa.quantities.masks import bounding_box

Point = tuple[int, int]


def outline(mask: NDArray[np.bool_]) -> str:
    """The borders of a mask `(H, W)` as the `d` of an SVG path, empty for an empty mask.

    Pixel (row, column) is the square from (column, row) to (column + 1, row + 1). Every closed border, those of holes
    too, is one `M x y` with relative `h` and `v`, so that the path filled by the even-odd rule is the mask. Pixels that
    share only a corner are outlined apart.
    """
    return "".join(map(_path, _closed_borders(_edges(mask))))


def _edges(mask: NDArray[np.bool_]) -> dict[Point, list[Point]]:
    """Directed sides of pixels between inside and outside, by their start: the inside is to the right of them."""
    edges: dict[Point, list[Point]] = {}
    if not mask.any():
        return edges
    rows, columns = bounding_box(mask)
    padded = np.pad(mask[rows, columns].astype(np.int8), 1)
    across = np.diff(padded, axis=0)[:, 1:-1]  # between rows: 1 where the lower pixel is inside, -1 where the upper is
    along = np.diff(padded, axis=1)[1:-1]
    first = [rows.start, columns.start]
    for (y, x), sign in zip((np.argwhere(across) + first).tolist(), across[across != 0], strict=True):
        start, end = ((x, y), (x + 1, y)) if sign > 0 else ((x + 1, y), (x, y))
        edges.setdefault(start, []).append(end)
    for (y, x), sign in zip((np.argwhere(along) + first).tolist(), along[along != 0], strict=True):
        start, end = ((x, y + 1), (x, y)) if sign > 0 else ((x, y), (x, y + 1))
        edges.setdefault(start, []).append(end)
    return edges


def _closed_borders(edges: dict[Point, list[Point]]) -> Iterator[list[Point]]:
    """Join edges; where two borders touch in a corner, each one turns towards its own pixel. It consumes `edges`."""
    while edges:
        start = next(iter(edges))
        border = [start]
        direction = (0, 0)
        while True:
            x, y = border[-1]
            ends = edges[x, y]
            right = (x - direction[1], y + direction[0])
            end = right if len(ends) > 1 and right in ends else ends[0]
            ends.remove(end)
            if not ends:
                del edges[x, y]
            if end == start:
                break
            direction = (end[0] - x, end[1] - y)
            border.append(end)
        yield border


def _path(border: list[Point]) -> str:
    """Points one pixel apart, with those between the corners left out."""
    points = np.array(border)
    before = points - np.roll(points, 1, axis=0)
    corners = points[(before != np.roll(before, -1, axis=0)).any(axis=1)]
    (x, y), steps = corners[0].tolist(), np.diff(corners, axis=0).tolist()
    return f"M{x} {y}" + "".join(f"h{dx}" if dx else f"v{dy}" for dx, dy in steps) + "z"
