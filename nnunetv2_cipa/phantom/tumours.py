"""Tumours, and what looks like a tumour on one of the two images.

No threshold on either image finds the tumours: some take up no more than lung does and show on CT alone, some lie in
the mediastinum and show on PET alone, and there is harmless uptake (heart, calcified nodes, inflammation, healing ribs)
and harmless soft tissue in the lung (collapse, calcified scars).
"""

import numpy as np

from nnunetv2_cipa.phantom.anatomy import Body
from nnunetv2_cipa.phantom.grid import Grid, Mask, Point, Volume

_SOFT_TISSUE_HU = 38.0
_CALCIUM_HU = 480.0


def add_mimics(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """Draw findings that are no tumours; which of them a patient has is left to chance."""
    for draw, probabilities in (
        (_inflamed_node, (0.6, 0.35)),
        (_scar, (0.6, 0.35)),
        (_inflammation, (0.5,)),
        (_collapse, (0.5,)),
        (_healing_rib, (0.35,)),
    ):
        for probability in probabilities:
            if random.random() < probability:
                draw(random, grid, body)


def add_tumours(random: np.random.Generator, grid: Grid, body: Body) -> Mask:
    """Draw one to three tumours, the first of them in the middle slices, and return where they are (slices, H, W)."""
    tumours = np.zeros(grid.shape, dtype=bool)
    for number in range(random.integers(1, 4)):
        allowed = np.ones(grid.shape, dtype=bool)
        if number == 0:
            middle = slice(grid.shape[0] // 3, -(grid.shape[0] // 3) or None)
            allowed[:] = False
            allowed[middle] = True
        kinds = (_hot_in_lung, _cold_in_lung, _hot_in_mediastinum)
        tumours |= kinds[random.choice(3, p=(0.5, 0.2, 0.3))](random, grid, body, allowed)
    return tumours


def _inflamed_node(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """An old, calcified node between the lungs that takes up like a tumour."""
    node = _grown(random, grid, _pick(random, grid, body.mediastinum), random.uniform(5, 9))
    inside = (node < 1) & (body.mediastinum | body.lung)
    body.paint(inside, _SOFT_TISSUE_HU, random.uniform(3, 8))
    np.copyto(body.hu, np.float32(_CALCIUM_HU), where=inside & (node < 0.8))


def _scar(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """A calcified scar in the lung without uptake of its own."""
    scar = _grown(random, grid, _pick(random, grid, body.lung), random.uniform(4, 9))
    body.paint((scar < 1) & body.lung, _CALCIUM_HU, 0.8)


def _inflammation(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """A patch of lung that is hazy on CT and warm on PET."""
    haze = _grown(random, grid, _pick(random, grid, body.lung), random.uniform(14, 30), roughness=0.3)
    aerated = body.lung & (body.hu < -300)
    body.paint((haze < 1) & aerated, -520 + 90 * grid.noise(random, 5), random.uniform(2, 4.5))


def _collapse(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """A crescent of airless lung along the back, soft tissue on CT and lukewarm on PET."""
    side = body.lung & (np.sign(grid.x) == random.choice([-1, 1]))
    back = np.where(side, grid.y, -np.inf).max(axis=1, keepdims=True)
    thickness = random.uniform(8, 18) * (1 + 0.3 * grid.noise(random, 20))
    body.paint(side & (grid.y > back - thickness), _SOFT_TISSUE_HU, random.uniform(1.0, 1.8))


def _healing_rib(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """A rib with the uptake of a tumour."""
    callus = _grown(random, grid, _pick(random, grid, body.ribs), random.uniform(9, 15))
    np.copyto(body.suv, np.float32(random.uniform(4, 8)), where=(callus < 1) & body.ribs)


def _hot_in_lung(random: np.random.Generator, grid: Grid, body: Body, allowed: Mask) -> Mask:
    """A mass; a large one may have a dead core that takes up little."""
    radius = _log_uniform(random, 11, 34)
    mass = _grown(random, grid, _pick(random, grid, body.lung & allowed), radius)
    inside = (mass < 1) & body.lung
    body.paint(inside, _SOFT_TISSUE_HU + 10 * grid.noise(random, 5), random.uniform(3.5, 13) * _mottled(random, grid))
    if radius > 15 and random.random() < 0.5:
        body.paint(inside & (mass < 0.55), 18, random.uniform(0.8, 2.0))
    return inside


def _cold_in_lung(random: np.random.Generator, grid: Grid, body: Body, allowed: Mask) -> Mask:
    mass = _grown(random, grid, _pick(random, grid, body.lung & allowed), _log_uniform(random, 11, 20))
    inside = (mass < 1) & body.lung
    body.paint(inside, _SOFT_TISSUE_HU + 10 * grid.noise(random, 5), random.uniform(0.6, 1.3))
    return inside


def _hot_in_mediastinum(random: np.random.Generator, grid: Grid, body: Body, allowed: Mask) -> Mask:
    mass = _grown(random, grid, _pick(random, grid, body.mediastinum & allowed), _log_uniform(random, 11, 22))
    inside = (mass < 1) & (body.mediastinum | body.lung)
    body.paint(inside, _SOFT_TISSUE_HU, random.uniform(3.5, 11) * _mottled(random, grid))
    return inside


def _grown(random: np.random.Generator, grid: Grid, centre: Point, radius: float, roughness: float = 0.15) -> Volume:
    """Distance from `centre` in units of the radius, below 1 inside of an uneven ellipsoid."""
    radii = radius * random.uniform(0.75, 1.3, 3)
    smooth = grid.ellipsoid(centre, (radii[0], radii[1], radii[2]), angle=random.uniform(0, np.pi))
    return smooth + np.float32(roughness) * grid.noise(random, radius / 2)


def _pick(random: np.random.Generator, grid: Grid, where: Mask) -> Point:
    """The coordinates in millimetres of one pixel of `where`."""
    chosen = np.unravel_index(random.choice(np.flatnonzero(where)), grid.shape)
    x, y, z = (float(np.broadcast_to(axis, grid.shape)[chosen]) for axis in (grid.x, grid.y, grid.z))
    return x, y, z


def _log_uniform(random: np.random.Generator, lowest: float, highest: float) -> float:
    return float(np.exp(random.uniform(np.log(lowest), np.log(highest))))


def _mottled(random: np.random.Generator, grid: Grid) -> Volume:
    return (1 + 0.15 * grid.noise(random, 6)).clip(0.5, 1.5)
