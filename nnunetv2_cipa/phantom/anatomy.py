"""A healthy thorax: where air, fat, muscle, bone and the organs are, with their CT numbers and uptake.

Lengths are millimetres, CT numbers HU, uptake SUV; typical of adults and of FDG an hour after injection.
"""

from dataclasses import dataclass

import numpy as np

from nnunetv2_cipa.phantom.grid import Grid, Mask, Volume

_BLOOD = (45.0, 1.7)  # HU, SUV
_AIR = (-1000.0, 0.3)  # HU, SUV
_BONE_SUV = 1.1


@dataclass
class Body:
    """A thorax on a grid; every array has the grid's shape (slices, H, W).

    Attributes:
        hu: CT numbers in HU.
        suv: Uptake in SUV.
        lung: Where lung is, its vessels included.
        mediastinum: What lies between the lungs, great vessels included, without heart, oesophagus and airways.
        ribs: Where ribs are.
    """

    hu: Volume
    suv: Volume
    lung: Mask
    mediastinum: Mask
    ribs: Mask

    def paint(self, inside: Mask, hu: float | Volume, suv: float | Volume) -> None:
        """Give the pixels `inside` a tissue its CT number and uptake."""
        np.copyto(self.hu, np.float32(hu), where=inside)
        np.copyto(self.suv, np.float32(suv), where=inside)

    def paint_organ(self, inside: Mask, hu: float | Volume, suv: float | Volume) -> None:
        """Paint an organ that takes its place from lung and mediastinum."""
        self.paint(inside, hu, suv)
        self.lung &= ~inside
        self.mediastinum &= ~inside


def healthy_body(random: np.random.Generator, grid: Grid) -> Body:
    """Draw the thorax of one patient."""
    bent = grid.bent(random)
    body = _body_wall(random, bent)
    _paint_bones(random, bent, body)
    _paint_lungs(random, bent, body)
    _paint_vessels_and_airways(bent, body)
    _paint_heart(random, bent, body)
    _paint_abdomen(random, bent, body)
    table = (np.abs(grid.y + (grid.x / 55) ** 2 - 130) < 4) & (np.abs(grid.x) < 190)
    body.paint(table & (body.hu < -900) & ~body.lung & (body.suv == 0), -400, 0)
    return body


def _body_wall(random: np.random.Generator, grid: Grid) -> Body:
    """Air, fat, muscle and ribs; the cavity, still empty, is both lung and mediastinum."""
    width, depth = random.normal(165, 6), random.normal(108, 4)
    fat, muscle = random.uniform(8, 22), random.uniform(16, 22)
    narrowing = np.sin(np.clip(grid.z / 130 + 0.25, 0, 1) * np.pi / 2)  # towards the tips of the lungs
    cavity_width = (width - fat - muscle - 8) * (0.35 + 0.65 * narrowing)
    cavity_depth = (depth - fat - muscle - 8) * (0.55 + 0.45 * narrowing)
    cavity = _rounded(grid, cavity_width, cavity_depth)
    # Ribs run down from back to front, so that a slice cuts across many of them.
    around = np.arctan2(np.abs(grid.x), grid.y)
    between = np.cos(9 * around + 2 * np.pi * grid.z / 28)
    ribs = _rounded(grid, cavity_width + 9, cavity_depth + 9) & ~cavity & (between > 0)
    air = np.full(grid.shape, -1000, np.float32)
    body = Body(air, np.zeros_like(air), lung=cavity, mediastinum=cavity.copy(), ribs=ribs)
    body.paint(_rounded(grid, width, depth), -100, 0.35)
    body.paint(_rounded(grid, width - fat, depth - fat), 50 + 12 * grid.noise(random, 7), 0.75)
    return body


def _paint_bones(random: np.random.Generator, grid: Grid, body: Body) -> None:
    cancellous = 220 + 60 * grid.noise(random, 4)
    body.paint(body.ribs, cancellous + 150, _BONE_SUV)
    for side in (-1, 1):
        scapula = grid.ellipsoid((side * 112, 62, 40), (34, 5, 75), angle=-side * 0.8)
        body.paint((scapula < 1) & (body.hu > -60), 380, _BONE_SUV)
    body.paint(grid.ellipsoid((0, -85, 110), (20, 6, 85)) < 1, cancellous, _BONE_SUV)
    body.paint_organ(grid.ellipsoid((0, 82, 0), (8, 24, np.inf)) < 1, 350, _BONE_SUV)
    body.paint_organ(grid.ellipsoid((0, 72, 0), (34, 7, np.inf)) < 1, 300, _BONE_SUV)
    vertebra = grid.ellipsoid((0, 50, 0), (19, 16, np.inf))
    body.paint_organ(vertebra < 1, 450, _BONE_SUV)
    body.paint_organ(vertebra < 0.86, cancellous, 1.5)
    body.paint_organ(grid.ellipsoid((0, 73, 0), (9, 7, np.inf)) < 1, 30, 1.3)


def _paint_lungs(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """Divide the cavity into lungs and mediastinum; lungs are denser towards the back and full of small vessels."""
    midline = grid.ellipsoid((4, 5, 0), (30 + 8 * np.sin(grid.z / 45), 85, np.inf))
    body.lung &= midline > 1
    body.mediastinum &= midline <= 1
    dependent = np.clip(grid.y / 80, -1, 1)
    body.paint(body.lung, -850 + 40 * dependent + 15 * grid.noise(random, 12), 0.45 + 0.12 * dependent)
    hilum = np.minimum(*(grid.ellipsoid((side * 42, 8, 125), (75, 75, 110)) for side in (-1, 1)))
    vessels = body.lung & (grid.noise(random, 2.6) > 1.0 + 0.9 * hilum)
    body.paint(vessels, -120, 0.9)
    body.paint(body.mediastinum, -60 + 45 * grid.noise(random, 9), 0.9)
    for side in (-1, 1):
        body.paint(_inside_cavity(body, grid.ellipsoid((side * 40, 8, 122), (17, 14, 24))), *_BLOOD)


def _paint_vessels_and_airways(grid: Grid, body: Body) -> None:
    along_z = np.inf
    arch = grid.ellipsoid((6, 6, 72), (45, 13, 12), angle=1.1) < 1
    ascending_aorta = (grid.ellipsoid((-12, -28, 0), (15, 15, along_z)) < 1) & (grid.z > 72) & (grid.z < 165)
    descending_aorta = (grid.ellipsoid((24, 42, 0), (12, 12, along_z)) < 1) & (grid.z > 72)
    vena_cava = (grid.ellipsoid((-33, -18, 0), (9, 10, along_z)) < 1) & (grid.z < 165)
    pulmonary_trunk = grid.ellipsoid((14, -26, 122), (19, 15, 24)) < 1
    pulmonary_arteries = grid.ellipsoid((2, 2, 120), (44, 9, 11)) < 1
    body.paint(arch | ascending_aorta | descending_aorta | vena_cava | pulmonary_trunk | pulmonary_arteries, *_BLOOD)
    body.paint_organ(grid.ellipsoid((6, 27, 0), (7, 6, along_z)) < 1, 35, 2.1)  # oesophagus
    body.paint_organ((grid.ellipsoid((-2, 10, 0), (9, 9, along_z)) < 1) & (grid.z < 92), *_AIR)
    for side in (-1, 1):
        bronchus = np.hypot(grid.x - side * 0.75 * (grid.z - 86), grid.y - 13) < 7
        body.paint_organ(bronchus & (grid.z >= 90) & (grid.z < 135), *_AIR)


def _paint_heart(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """Uptake of the heart muscle depends on what the patient ate: faint in some, hotter than most tumours in others."""
    muscle_suv = random.choice([random.uniform(1.8, 3.0), random.uniform(5.0, 11.0)])
    heart = _inside_cavity(body, grid.ellipsoid((18, -18, 185), (58, 46, 50), angle=0.45))
    left_ventricle = grid.ellipsoid((38, -10, 192), (36, 29, 40), angle=0.6)
    body.paint_organ(heart, *_BLOOD)
    body.paint(heart & (left_ventricle < 1), 55, muscle_suv)
    body.paint(heart & (left_ventricle < 0.66), *_BLOOD)


def _paint_abdomen(random: np.random.Generator, grid: Grid, body: Body) -> None:
    """Liver and spleen bulge into the cavity from below."""
    liver = _inside_cavity(body, grid.ellipsoid((-62, -5, 310), (100, 92, 105)))
    body.paint_organ(liver, 60 + 4 * grid.noise(random, 8), random.uniform(2.1, 2.9))
    spleen = _inside_cavity(body, grid.ellipsoid((88, 28, 315), (58, 60, 85)))
    body.paint_organ(spleen, 52, random.uniform(1.7, 2.3))


def _inside_cavity(body: Body, distance: Volume) -> Mask:
    return (distance < 1) & (body.lung | body.mediastinum)


def _rounded(grid: Grid, width: float | Volume, depth: float | Volume) -> Mask:
    """Inside of an outline between ellipse and rectangle with half-axes `width` and `depth`."""
    return (np.abs(grid.x) / width) ** 2.5 + (np.abs(grid.y) / depth) ** 2.5 < 1
