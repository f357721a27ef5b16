"""Where the pixels of a synthetic patient lie in space, and the shapes and the noise that are drawn on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Shape = tuple[int, int, int]
Point = tuple[float, float, float]

FIELD_OF_VIEW = 400.0
"""Millimetres along the shorter side of a slice."""

_MAX_SLICE_SPACING = 5.0
_MAX_EXTENT = 240.0


def smooth_noise(random: np.random.Generator, shape: Shape, scale: Point) -> Volume:
    """Normal noise of mean 0 and deviation 1 that varies over `scale` pixels along each axis (at least one)."""
    steps = [max(step, 1.0) for step in scale]
    knots = [int((length - 1) / step) + 4 for length, step in zip(shape, steps, strict=True)]
    noise: Volume = random.standard_normal(knots, dtype=np.float32)
    for axis, (length, step) in enumerate(zip(shape, steps, strict=True)):
        noise = _blend(noise, axis, length, step)
    return noise


def _blend(knots: Volume, axis: int, length: int, step: float) -> Volume:
    """Blend independent values, `step` pixels apart along `axis`, into `length` pixels of the same deviation."""
    first, after = np.divmod(np.arange(length) / step, 1)
    before = 1 - after
    weights = np.stack([before**3, 4 - 6 * after**2 + 3 * after**3, 4 - 6 * before**2 + 3 * before**3, after**3])
    weights = (weights / np.linalg.norm(weights, axis=0)).astype(np.float32)  # cubic B-splines, for unit variance
    along_axis = [length if number == axis else 1 for number in range(knots.ndim)]
    taps = (np.take(knots, first.astype(int) + tap, axis) * weights[tap].reshape(along_axis) for tap in range(4))
    return sum(taps, np.float32(0))


@dataclass(frozen=True)
class Grid:
    """Coordinates of every pixel in millimetres.

    x grows towards the patient's left (the right of the image) and y towards the back, both from the middle of the
    body; z grows downwards from the tips of the lungs.

    Attributes:
        x: Sideways; like y and z broadcastable to `shape`.
        y: Front to back.
        z: Head to foot.
        spacing: Millimetres between slices, rows and columns.
    """

    x: Volume
    y: Volume
    z: Volume
    spacing: Point

    @classmethod
    def drawn(cls, random: np.random.Generator, slices: int, size: tuple[int, int]) -> "Grid":
        """Place `slices` slices of `size` (H, W) pixels at a random level of the thorax."""
        pixel = FIELD_OF_VIEW / min(size)
        step = min(_MAX_SLICE_SPACING, _MAX_EXTENT / slices)
        top = random.uniform(25.0, 265.0 - step * slices)
        axes = (top + step * np.arange(slices), *((np.arange(length) - (length - 1) / 2) * pixel for length in size))
        z, y, x = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij", sparse=True)
        return cls(x, y, z, (step, pixel, pixel))

    def bent(self, random: np.random.Generator) -> "Grid":
        """Shift and bend the coordinates a little, so that what is drawn with them as an ellipse looks grown."""
        shift_x, shift_y = random.normal(0, 5.0, 2).astype(np.float32)
        bend_x, bend_y = (3.5 * self.noise(random, 55.0) for _ in range(2))
        return Grid(self.x + bend_x + shift_x, self.y + bend_y + shift_y, self.z, self.spacing)

    @property
    def shape(self) -> Shape:
        """(slices, H, W)."""
        slices, height, width = np.broadcast_shapes(self.x.shape, self.y.shape, self.z.shape)
        return slices, height, width

    def noise(self, random: np.random.Generator, scale: float) -> Volume:
        """Noise of mean 0 and deviation 1 that varies over `scale` millimetres."""
        slices, rows, columns = self.spacing
        return smooth_noise(random, self.shape, (scale / slices, scale / rows, scale / columns))

    def ellipsoid(self, centre: Point, radii: tuple[float | Volume, float, float], angle: float = 0.0) -> Volume:
        """Distance from `centre` in units of `radii`: below 1 inside of an ellipsoid.

        Args:
            centre: x, y, z in millimetres.
            radii: Half-axes along x, y, z in millimetres; an infinite one along z makes a cylinder. That along x may
                depend on the place.
            angle: Turns the ellipsoid about z, in radians.
        """
        x, y, z = self.x - centre[0], self.y - centre[1], self.z - centre[2]
        along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
        across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
        return np.sqrt((along / radii[0]) ** 2 + (across / radii[1]) ** 2 + (z / radii[2]) ** 2)
