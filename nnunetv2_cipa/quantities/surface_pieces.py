"""The pieces that a surface between pixels is made of, as marching cubes has it.

Around each point where the corners of pixels meet lie 8 voxels in a volume, 4 pixels in a slice: the corners of a cube
or a square, some of which are inside of a mask. Its code has a bit for each corner. The surface cuts the edges between
corners inside and outside in their middles.
"""

import itertools
import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, ...]
Edge = tuple[Corner, Corner]
Vector = NDArray[np.float64]


def corners(dimensions: int) -> list[Corner]:
    """Corners of a square (2 dimensions) or cube (3), in the order of a code's bits, the lowest first."""
    return list(itertools.product((0, 1), repeat=dimensions))


def areas_of_codes(spacing: Sequence[float]) -> NDArray[np.float64]:
    """Area of the surface in a cube of this spacing, or its length in a square, for each code."""
    scale = np.array([math.prod(spacing) / length for length in spacing] if len(spacing) == 3 else spacing)
    pieces = _pieces_of_codes(len(spacing))
    return np.array([sum(float(np.linalg.norm(piece * scale)) for piece in of_code) for of_code in pieces])


@cache
def _pieces_of_codes(dimensions: int) -> list[list[Vector]]:
    """Pieces of the surface for each code, in pixels: straight lines, or normals of the length of a triangle's area."""
    pieces = _contour if dimensions == 2 else _triangles
    return [pieces(_minority(corners(dimensions), code)) for code in range(2 ** (2**dimensions))]


def _minority(corners: Sequence[Corner], code: int) -> frozenset[Corner]:
    """The corners that are cut off: those inside, or if these are more than half of all, those outside."""
    inside = frozenset(corner for bit, corner in enumerate(corners) if code >> bit & 1)
    return inside if 2 * len(inside) <= len(corners) else frozenset(corners) - inside


def _contour(cut: frozenset[Corner]) -> list[Vector]:
    """Straight pieces of the contour in a square, as vectors in pixels."""
    return [_middle(one) - _middle(other) for one, other in _links(corners(2), cut)]


def _triangles(cut: frozenset[Corner]) -> list[Vector]:
    """Triangles of the surface in a cube, as normals of the length of their area in pixels.

    The middles of the cube's edges that are cut form polygons. One that is not flat is divided so that it has as few
    planes as possible.
    """
    triangles: list[Vector] = []
    for polygon in _polygons(cut):
        points = [_middle(edge) for edge in polygon]
        fans = [_fan(points[start:] + points[:start]) for start in range(len(points))]
        flattest: list[Vector] = min(fans, key=_number_of_planes)
        triangles += flattest
    return triangles


def _polygons(cut: frozenset[Corner]) -> list[list[Edge]]:
    """Closed ways along the cut edges of a cube; in each of its faces they link two edges."""
    neighbours: dict[Edge, list[Edge]] = {}
    for axis, at in itertools.product(range(3), (0, 1)):
        face = [corner for corner in corners(3) if corner[axis] == at]
        for one, other in _links(face, cut):
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    polygons = []
    while neighbours:
        polygon = [next(iter(neighbours))]
        while following := [edge for edge in neighbours.pop(polygon[-1]) if edge in neighbours]:
            polygon.append(following[0])
        polygons.append(polygon)
    return polygons


def _links(face: Sequence[Corner], cut: frozenset[Corner]) -> list[tuple[Edge, Edge]]:
    """Pairs of edges of a square between whose middles the surface runs.

    Where two opposite corners are cut, each is cut off for itself.
    """
    edges = [(a, b) for a, b in itertools.combinations(face, 2) if sum(x != y for x, y in zip(a, b, strict=True)) == 1]
    crossed = [edge for edge in edges if (edge[0] in cut) != (edge[1] in cut)]
    if len(crossed) == 4:
        of_corner = ([edge for edge in crossed if corner in edge] for corner in face if corner in cut)
        return [(one, other) for one, other in of_corner]
    return [(crossed[0], crossed[1])] if crossed else []


def _middle(edge: Edge) -> Vector:
    return np.mean(edge, axis=0)


def _fan(points: Sequence[Vector]) -> list[Vector]:
    """Normals of the triangles between the first point and each following two."""
    first = points[0]
    return [np.cross(one - first, other - first) / 2 for one, other in itertools.pairwise(points[1:])]


def _number_of_planes(normals: list[Vector]) -> int:
    units = [normal / np.linalg.norm(normal) for normal in normals if normal.any()]
    return len({tuple(np.round(unit, 6) + 0.0) for unit in units})
