"""A made-up chest, slice by slice, in Hounsfield units: what :mod:`fidac_node.phantom` puts in its images.

Lengths are millimetres, x runs to the patient's left and y to the back (PS3.3 C.7.6.2.1.1), and ``t``
runs from 0 at the apex of the lungs to 1 below the diaphragm. Each shape is an ellipse blended in with
a soft edge of one pixel, drawn only inside its own bounding box: a 512 x 512 slice takes milliseconds.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]

FIELD_OF_VIEW: Final = 400.0
LENGTH: Final = 320.0

AIR, LUNG, FAT, WATER, MUSCLE, BLOOD, LIVER, CARTILAGE = -1000.0, -865.0, -100.0, 10.0, 55.0, 45.0, 60.0, 110.0
ENHANCED_BLOOD: Final = 230.0
SPONGY_BONE, HARD_BONE = 190.0, 750.0
RIB_SPACING: Final = 29.0


class Chest:
    """One patient's chest: the same ``seed`` gives the same anatomy and the same noise for ever.

    ``ground_glass`` adds the hazy patches of a viral pneumonia; ``contrast`` brightens the blood.
    """

    def __init__(
        self,
        seed: int,
        *,
        rows: int,
        columns: int,
        thickness: float,
        ground_glass: bool = False,
        contrast: bool = False,
    ) -> None:
        self._seed = seed
        self._thickness = thickness
        self._pixel = FIELD_OF_VIEW / max(rows, columns)
        self._xs = _centres(columns)
        self._ys = _centres(rows)
        self._blood = ENHANCED_BLOOD if contrast else BLOOD
        rng = np.random.default_rng(seed)
        self._size = float(rng.uniform(0.94, 1.04))
        self._vessels = _vessel_tree(rng)
        self._patches = _patches(rng) if ground_glass else np.empty((0, 4), np.float32)
        self._texture = _smooth_noise(rng, (rows, columns), 10)

    def slice(self, t: float) -> NDArray[np.int16]:
        """Return the slice at height ``t`` as Hounsfield units, noise included."""
        image = np.full((self._ys.size, self._xs.size), AIR, np.float32)
        self._wall(image, t)
        lungs = self._lungs(image, t)
        self._mediastinum(image, t)
        self._airways(image, t)
        self._spine(image, t)
        self._ribs(image, t)
        self._table(image)
        return self._scanned(image, lungs, t)

    def _wall(self, image: Plane, t: float) -> None:
        width = self._size * (178 - 20 * min(t / 0.25, 1.0) + 6 * t)
        depth = self._size * (112 + 10 * t)
        self._ellipse(image, 0, 4, width, depth, WATER + 20, power=2.35)
        self._ellipse(image, 0, 4, width - 2, depth - 2, FAT, power=2.35)
        self._ellipse(image, 0, 4, width - 13 - 5 * t, depth - 10 - 4 * t, MUSCLE, power=2.35)
        for side in (-1, 1):
            self._ellipse(image, side * 27, 91, 25, 15, MUSCLE + 8)
            if t < 0.45:
                self._ellipse(image, side * 92, 72, 40 * (1 - t), 3.2, HARD_BONE - 250, angle=-side * 0.55)
            if 0.02 < t < 0.16:
                self._ellipse(image, side * 62, -60, 38, 5.5, HARD_BONE - 200, angle=side * 0.35)
        self._ellipse(image, 0, -0.86 * depth, 19 if t < 0.2 else 13, 5.5, SPONGY_BONE + 60 if t < 0.75 else CARTILAGE)

    def _cavity(self, t: float) -> tuple[float, float]:
        fullness = max(1 - abs((t - 0.64) / 0.645) ** 2.4, 0.0) ** 0.5
        return self._size * 132 * fullness, self._size * 90 * fullness

    def _lungs(self, image: Plane, t: float) -> Plane:
        """Hollow the chest out and return how much of each pixel is lung (0 to 1)."""
        lungs = np.zeros_like(image)
        width, depth = self._cavity(t)
        if t < 0.04 or t > 0.97:
            return lungs
        self._ellipse(lungs, 0, 3, width, depth, 1, power=2.3)
        self._ellipse(lungs, -3, -2, 29 + 8 * t, 92, 0, power=2.6)
        self._ellipse(lungs, 0, 80, 34, 40, 0)
        if 0.42 < t < 0.88:
            reach = np.sin(np.pi * (t - 0.42) / 0.46) ** 0.5
            self._ellipse(lungs, 26, -30, 64 * reach, 50 * reach, 0, angle=0.5)
        for x, y, start, size in ((-66, -10, 0.70, 92.0), (72, -6, 0.76, 84.0)):
            if t > start:
                dome = size * ((t - start) / (0.98 - start)) ** 0.5
                self._ellipse(lungs, x, y, dome, dome * 0.92, 0)
        slope = (self._ys * 0.45)[:, None]
        tissue = np.where(self._inside_cavity(width, depth), MUSCLE if t > 0.72 else FAT + 60, image)
        np.copyto(image, tissue)
        image += lungs * (LUNG + slope + 26 * self._texture - image)
        self._vascular(image, lungs, t)
        self._hazy(image, lungs, t)
        return lungs

    def _inside_cavity(self, width: float, depth: float) -> NDArray[np.bool_]:
        across = np.abs(self._xs / max(width, 1.0)) ** 2.3
        along = np.abs((self._ys - 3) / max(depth, 1.0)) ** 2.3
        return np.asarray(across[None, :] + along[:, None] < 1)

    def _vascular(self, image: Plane, lungs: Plane, t: float) -> None:
        """Paint the vessels that cross the slice: a thin one in a thick slice is fainter (partial volume)."""
        x, y, z, radius = self._vessels
        half = self._thickness / 2
        near = np.abs(z - t * LENGTH) < half + radius
        x, y, radius = x[near], y[near], radius[near]
        strength = np.clip(2.4 * radius / self._thickness, 0.25, 1.0)
        reach = int(np.ceil(5 / self._pixel))
        offsets = np.arange(-reach, reach + 1)
        columns = ((x + FIELD_OF_VIEW / 2) / self._pixel).astype(np.intp)[:, None, None] + offsets[None, None, :]
        rows = ((y + FIELD_OF_VIEW / 2) / self._pixel).astype(np.intp)[:, None, None] + offsets[None, :, None]
        rows, columns = np.broadcast_arrays(rows.clip(0, self._ys.size - 1), columns.clip(0, self._xs.size - 1))
        distance = np.hypot(self._xs[columns] - x[:, None, None], self._ys[rows] - y[:, None, None])
        edge = (radius[:, None, None] - distance) / self._pixel + 0.5
        painted = np.zeros_like(image)
        np.maximum.at(painted, (rows, columns), edge.clip(0, 1) * strength[:, None, None])
        image += painted * lungs * (self._blood - image)

    def _hazy(self, image: Plane, lungs: Plane, t: float) -> None:
        for x, y, z, radius in self._patches:
            weight = 1 - ((t * LENGTH - z) / (radius * 1.3)) ** 2
            if weight > 0:
                patch = np.zeros_like(image)
                self._ellipse(patch, x, y, radius * weight**0.5, 0.7 * radius * weight**0.5, 1, softness=9)
                image += patch * lungs * (0.55 + 0.3 * self._texture).clip(0, 1) * (-420 - image).clip(0, None)

    def _mediastinum(self, image: Plane, t: float) -> None:
        blood = self._blood
        if t < 0.3:
            for x, y, radius in ((-24, -12, 7), (20, -6, 5), (-10, -24, 6), (26, 8, 5), (-34, -34, 7)):
                self._ellipse(image, x, y, radius, radius, blood)
            if t < 0.12:
                self._ellipse(image, -18, -20, 12, 16, 110)
                self._ellipse(image, 18, -20, 12, 16, 110)
        if 0.27 < t < 0.36:
            self._ellipse(image, 8, 4, 38, 13, blood, angle=0.9)
        if t > 0.33:
            self._ellipse(image, 24, 47, 12.5, 12.5, blood)
        if 0.33 < t < 0.58:
            self._ellipse(image, -14, -30, 15, 15, blood)
            self._ellipse(image, -36, -18, 8, 9, blood)
        if 0.40 < t < 0.50:
            self._ellipse(image, 16, -36, 14, 16, blood)
            self._ellipse(image, -4, -10, 34, 9, blood, angle=-0.25)
        if 0.50 < t < 0.86:
            self._heart(image, np.sin(np.pi * (t - 0.44) / 0.44) ** 0.5, t)
        self._ellipse(image, 8, 43, 7, 5, MUSCLE - 10)
        if t > 0.78:
            self._abdomen(image, ((t - 0.78) / 0.22) ** 0.5)

    def _heart(self, image: Plane, reach: float, t: float) -> None:
        self._ellipse(image, 24, -30, 60 * reach, 47 * reach, FAT + 10, angle=0.5)
        self._ellipse(image, 24, -29, 54 * reach, 42 * reach, MUSCLE + 5, angle=0.5)
        self._ellipse(image, 44, -24, 26 * reach, 17 * reach, self._blood, angle=0.6)
        self._ellipse(image, 6, -48, 22 * reach, 15 * reach, self._blood * 0.9, angle=0.2)
        self._ellipse(image, 4 if t < 0.7 else -22, 2 if t < 0.7 else -12, 24 * reach, 14 * reach, self._blood * 0.95)

    def _abdomen(self, image: Plane, reach: float) -> None:
        self._ellipse(image, -58, -8, 74 * reach, 74 * reach, LIVER + (30 if self._blood > BLOOD else 0))
        self._ellipse(image, 78, 36, 32 * reach, 40 * reach, LIVER - 8, angle=0.4)
        self._ellipse(image, 52, -34, 40 * reach, 26 * reach, MUSCLE - 25)
        self._ellipse(image, 54, -48, 28 * reach, 10 * reach, AIR + 40)
        self._ellipse(image, 24, 47, 12, 12, self._blood)

    def _airways(self, image: Plane, t: float) -> None:
        if t < 0.40:
            tubes = [(0.0, 14.0, 9.5, 9.0)]
        elif t < 0.56:
            away = (t - 0.38) / 0.18
            tubes = [
                (-6 - 34 * away, 16 + 4 * away, 8.5 - 2 * away, 7.0),
                (6 + 36 * away, 17 + 6 * away, 7.5 - 2 * away, 6.5),
            ]
        else:
            tubes = [(-44.0, 24.0, 3.6, 3.4), (46.0, 28.0, 3.2, 3.4)] if t < 0.74 else []
        for x, y, a, b in tubes:
            self._ellipse(image, x, y, a + 1.5, b + 1.5, MUSCLE - 60)
            self._ellipse(image, x, y, a, b, AIR + 15)

    def _spine(self, image: Plane, t: float) -> None:
        disc = np.cos(2 * np.pi * t * LENGTH / 24) > 0.72
        y = 64.0
        for side in (-1, 1):
            self._ellipse(image, side * 24, y + 22, 16, 4.5, SPONGY_BONE + 160, angle=side * 0.35)
            self._ellipse(image, side * 12, y + 16, 4.5, 9, HARD_BONE - 250)
            self._ellipse(image, side * 8, y + 31, 10, 3.4, HARD_BONE - 200, angle=-side * 0.7)
        self._ellipse(image, 0, y + 40, 3.4, 10, HARD_BONE - 300)
        self._ellipse(image, 0, y, 19, 15.5, 95 if disc else HARD_BONE - 150)
        self._ellipse(image, 0, y, 16.6, 13.2, 85 if disc else SPONGY_BONE)
        self._ellipse(image, 0, y + 21, 9, 8, 22)
        self._ellipse(image, 0, y + 21, 5, 4, 38)

    def _ribs(self, image: Plane, t: float) -> None:
        """Ribs run down to the front, so that a slice cuts each of them once, as a short arc."""
        width, depth = self._cavity(max(t, 0.16))
        x, y = self._xs[None, :], self._ys[:, None] - 3
        ring = ((np.abs(x / width) ** 2.3 + np.abs(y / depth) ** 2.3) ** (1 / 2.3) - 1) * 0.5 * (width + depth)
        band = np.nonzero((ring > -2) & (ring < 13))
        round_the_chest = np.arctan2(np.abs(x), y)[band] / np.pi
        phase = (t * LENGTH - 95 * round_the_chest) / RIB_SPACING
        across = (phase - np.round(phase)) * RIB_SPACING / 6.0
        depth_in_rib = across**2 + ((ring[band] - 5.0) / 4.2) ** 2
        bone = np.where(depth_in_rib > 0.42, HARD_BONE - 100, SPONGY_BONE)
        bone = np.where(round_the_chest > 0.84, CARTILAGE, bone)
        image[band] += (1.6 * (1 - depth_in_rib)).clip(0, 1) * (bone - image[band])

    def _table(self, image: Plane) -> None:
        x, y = self._xs[None, :], self._ys[:, None]
        top = 106 + 22 * (1 - (x / 190) ** 2).clip(0, None)
        depth = y - top
        wide = np.abs(x) < 185
        np.copyto(image, np.float32(-120), where=wide & (depth > 0) & (depth < 2.2))
        np.copyto(image, np.float32(-900), where=wide & (depth >= 2.2) & (depth < 20))
        np.copyto(image, np.float32(-150), where=wide & (depth >= 20) & (depth < 22.2))

    def _scanned(self, image: Plane, lungs: Plane, t: float) -> NDArray[np.int16]:
        """Add what the scanner adds: grainy noise, finer in air, nothing outside the reconstruction circle."""
        rng = np.random.default_rng([self._seed, round(t * 1e6)])
        noise = rng.standard_normal(image.shape, np.float32)
        noise += 0.6 * (np.roll(noise, 1, 0) + np.roll(noise, 1, 1))
        image += noise * (9 + 7 * (image > -950) + 5 * lungs)
        circle = self._xs[None, :] ** 2 + self._ys[:, None] ** 2
        image[circle > (FIELD_OF_VIEW / 2) ** 2] = -1024
        return image.clip(-1024, 3071).astype(np.int16)

    def _ellipse(  # noqa: PLR0913  # what an ellipse is made of
        self,
        image: Plane,
        x: float,
        y: float,
        a: float,
        b: float,
        hu: float,
        *,
        angle: float = 0,
        power: float = 2,
        softness: float = 0,
    ) -> None:
        """Blend an ellipse of half axes ``a`` and ``b`` into ``image``; ``softness`` widens its edge (mm)."""
        reach = (max(a, b) if angle else a) + softness + 2, (max(a, b) if angle else b) + softness + 2
        columns = slice(*np.searchsorted(self._xs, (x - reach[0], x + reach[0])))
        rows = slice(*np.searchsorted(self._ys, (y - reach[1], y + reach[1])))
        dx, dy = self._xs[columns][None, :] - x, self._ys[rows][:, None] - y
        if angle:
            cos, sin = np.cos(angle), np.sin(angle)
            dx, dy = dx * cos + dy * sin, dy * cos - dx * sin
        radius = np.abs(dx / max(a, 0.5)) ** power + np.abs(dy / max(b, 0.5)) ** power
        distance = (1 - radius ** (1 / power)) * min(a, b)
        part = image[rows, columns]
        part += (distance / (self._pixel + softness) + 0.5).clip(0, 1).astype(np.float32) * (hu - part)


def _centres(count: int) -> Plane:
    return ((np.arange(count) + 0.5) * FIELD_OF_VIEW / count - FIELD_OF_VIEW / 2).astype(np.float32)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Plane:
    """Noise without grain, mean 0 and deviation near 1: a few random cells, interpolated."""
    coarse = rng.standard_normal((cells * 4, cells * 4))
    rows, columns = (np.linspace(0, cells * 4 - 1, count) for count in shape)
    grid = np.arange(cells * 4)
    wide = np.stack([np.interp(columns, grid, line) for line in coarse])
    return np.stack([np.interp(rows, grid, line) for line in wide.T]).T.astype(np.float32)


def _vessel_tree(rng: np.random.Generator) -> tuple[Plane, Plane, Plane, Plane]:
    """Points along two branching trees, one from each hilum: x, y, z and radius (mm)."""
    count = 15
    start = np.repeat(np.array([[-34.0, 14, 160], [36, 18, 160]]), count, axis=0)
    start[:, 2] += np.tile(np.linspace(-38, 52, count), 2)
    heading = rng.standard_normal((2 * count, 3)) * (0.6, 1.0, 1.0)
    heading[:, 0] = np.repeat([-1.0, 1.0], count) * (0.4 + np.abs(heading[:, 0]))
    heading[:, 2] += np.tile(np.linspace(-1.4, 1.4, count), 2)
    radius, length = 3.6, 27.0
    points = []
    for _ in range(7):
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        steps = np.linspace(0, 1, int(length))[None, :, None]
        bend = rng.standard_normal(heading.shape)[:, None, :] * 0.25 * steps
        path = start[:, None, :] + (heading[:, None, :] + bend) * steps * length
        thick = np.broadcast_to(radius * (1 - 0.22 * steps), (*path.shape[:2], 1))
        points.append(np.concatenate([path, thick], axis=2).reshape(-1, 4))
        start = np.repeat(path[:, -1], 2, axis=0)
        heading = np.repeat(heading, 2, axis=0) + rng.standard_normal((2 * len(heading), 3)) * 0.6
        radius, length = radius * 0.74, length * 0.88
    x, y, z, thickness = np.concatenate(points).astype(np.float32).T
    return x, y, z, thickness


def _patches(rng: np.random.Generator) -> NDArray[np.float32]:
    """Where the hazy patches are: at the rim of both lungs, mostly behind and below; x, y, z, radius (mm)."""
    angle = rng.uniform(0.15, 0.75, 9) * np.pi
    side = rng.choice([-1.0, 1.0], 9)
    rim = rng.uniform(0.72, 0.92, 9)
    return np.stack(
        [side * np.sin(angle) * 118 * rim, np.cos(angle) * 76 * rim, rng.uniform(110, 250, 9), rng.uniform(14, 32, 9)],
        axis=1,
    ).astype(np.float32)
