"""Procedural drawings that look like dermoscopic images, for demonstrations and tests.

They are drawings: no patient is behind them, and no model should be trained or judged on them.
What is drawn for a class follows its textbook signs (Kittler et al., Standardization of
terminology in dermoscopy, J Am Acad Dermatol 74:1093, 2016): a network and globules for a nevus,
several colours and a veil for a melanoma, branching vessels for a basal cell carcinoma, and so on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ml import taxonomy

Colour = tuple[int, int, int]

TAN, BROWN, DARK, BLACK = (176, 124, 92), (128, 80, 56), (82, 50, 40), (46, 32, 32)
PINK, RED, PURPLE = (214, 128, 124), (178, 52, 54), (112, 38, 66)
BLUE, WHITE, YELLOW = (104, 112, 140), (236, 220, 214), (222, 190, 138)


def draw_lesion(label: str, seed: int, size: tuple[int, int] = (600, 450)) -> Image.Image:
    """Draw a lesion of class ``label``, a code or a label word; same arguments, same pixels.

    ``size`` is width and height in pixels. Raises ValueError for an unknown class.
    """
    entry = taxonomy.BY_CODE.get(label) or taxonomy.BY_LABEL.get(label)
    if entry is None or entry.code not in PAINTERS:
        raise ValueError(f"'{label}' is no diagnosis that can be drawn.")
    drawing = Drawing(np.random.default_rng([zlib.crc32(entry.code.encode()), seed]), size)
    PAINTERS[entry.code](drawing)
    drawing.hairs()
    return drawing.finish()


class Drawing:
    """A canvas (H, W, 3) in [0, 255] with skin on it, and what can be painted over it.

    Lengths are in units of 1.35 times the shorter side; (0, 0) is near the middle.
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int]):
        self.rng = rng
        self.width, self.height = size
        self.unit = 1.35 * min(size)
        y, x = np.mgrid[: self.height, : self.width].astype(np.float64)  # (H, W)
        shift = rng.uniform(-0.05, 0.05, 2)
        self.x = (x - self.width / 2) / self.unit - shift[0]
        self.y = (y - self.height / 2) / self.unit - shift[1]
        self.canvas = self._skin()

    # fields: (H, W) arrays

    def noise(self, scale: float, octaves: int = 3) -> np.ndarray:
        """Smooth noise of zero mean and unit variance; ``scale`` is its largest wavelength."""
        total = np.zeros((self.height, self.width))
        for octave in range(octaves):
            cells = [max(2, round(n / self.unit / scale * 2**octave)) + 3 for n in total.shape]
            coarse = Image.fromarray(self.rng.standard_normal(cells).astype(np.float32))
            fine = coarse.resize((self.width, self.height), Image.Resampling.BICUBIC)
            total += np.asarray(fine) / 1.7**octave
        return (total - total.mean()) / (total.std() + 1e-9)

    def blob(self, radius: float, rough: float, edge: float, lobes: float = 0.08) -> np.ndarray:
        """A filled outline in [0, 1], wavy by ``rough`` and ``lobes``, ``edge`` wide at its rim."""
        angle = np.arctan2(self.y, self.x)
        outline = np.full_like(angle, radius)
        for k in range(1, 6):
            amplitude = radius * lobes * self.rng.standard_normal() / k**0.7
            outline += amplitude * np.cos(k * angle + self.rng.uniform(0, 2 * np.pi))
        distance = np.hypot(self.x, self.y * self.rng.uniform(0.95, 1.25))
        outline += radius * rough * self.noise(0.16, 4)
        return _step((outline - distance) / edge)

    def patch(self, scale: float, share: float, edge: float = 0.25) -> np.ndarray:
        """Blotches in [0, 1] that cover about ``share`` of the picture."""
        field = self.noise(scale)
        return _step((field - np.quantile(field, 1 - share)) / edge)

    def spot(self, at: np.ndarray, radius: float, edge: float = 0.25) -> np.ndarray:
        """A soft disc in [0, 1] around ``at`` (x, y)."""
        distance = np.hypot(self.x - at[0], self.y - at[1])
        return _step((radius - distance) / (radius * edge))

    def cells(self, scale: float) -> np.ndarray:
        """Distance to the border between jittered cells: 0 on the meshes of a network."""
        x = self.x / scale + 0.5 * self.noise(4 * scale, 2)  # no cell is a plain square
        y = self.y / scale + 0.5 * self.noise(4 * scale, 2)
        column, row = np.floor(x), np.floor(y)
        jitter = self.rng.uniform(0.1, 0.9, (64, 64, 2))
        nearest, second = np.full_like(self.x, 9.0), np.full_like(self.x, 9.0)
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                offset = jitter[(row + j).astype(int) % 64, (column + i).astype(int) % 64]
                dx = x - column - i - offset[..., 0]
                distance = np.hypot(dx, y - row - j - offset[..., 1])
                second = np.minimum(second, np.maximum(nearest, distance))
                nearest = np.minimum(nearest, distance)
        return second - nearest

    def places(self, mask: np.ndarray, count: int) -> np.ndarray:
        """``count`` points (x, y) inside ``mask``."""
        rows, columns = np.nonzero(mask > 0.6)
        if len(rows) == 0:
            return np.zeros((0, 2))
        chosen = self.rng.integers(0, len(rows), count)
        at = rows[chosen], columns[chosen]
        return np.stack([self.x[at], self.y[at]], 1)

    # paint

    def paint(self, colour: Colour, alpha: np.ndarray | float, vary: float = 5.0) -> None:
        """Lay ``colour`` over the canvas with opacity ``alpha`` (H, W)."""
        tint = np.array(colour) + self.rng.normal(0, vary, 3)
        alpha = np.broadcast_to(alpha, self.x.shape)[..., None]
        self.canvas = self.canvas * (1 - alpha) + tint * alpha

    def network(self, mask: np.ndarray, scale: float, colour: Colour, strength: float) -> None:
        """A pigment network: dark meshes around lighter holes, uneven in strength."""
        lines = _step((0.13 - self.cells(scale)) / 0.08)
        uneven = np.clip(0.7 + 0.35 * self.noise(0.2), 0, 1)
        self.paint(colour, mask * lines * uneven * strength)

    def dots(
        self, mask: np.ndarray, count: int, radius: float, colour: Colour, strength: float
    ) -> None:
        """Round structures of about ``radius`` scattered over ``mask``."""
        cover = np.zeros_like(self.x)
        for at in self.places(mask, count):
            own = radius * self.rng.uniform(0.6, 1.3)
            cover = np.maximum(cover, self.spot(at, own, 0.5) * self.rng.uniform(0.6, 1))
        self.paint(colour, cover * strength)

    def lines(
        self, paths: list[tuple[np.ndarray, float]], colour: Colour, strength: float, blur: float
    ) -> None:
        """Strokes: each a path (N, 2) with its width."""
        mask = Image.new("L", (2 * self.width, 2 * self.height))
        pen = ImageDraw.Draw(mask)
        origin = np.array([self.x[0, 0], self.y[0, 0]])
        for path, width in paths:
            pixels = (path - origin) * self.unit * 2
            stroke = max(1, round(width * self.unit * 2))
            pen.line([tuple(point) for point in pixels], fill=255, width=stroke, joint="curve")
        mask = mask.filter(ImageFilter.GaussianBlur(blur * self.unit * 2))
        mask = mask.resize((self.width, self.height), Image.Resampling.LANCZOS)
        self.paint(colour, np.asarray(mask) / 255.0 * strength)

    def vessels(self, mask: np.ndarray, count: int, width: float, length: int) -> None:
        """Branching vessels that start inside ``mask`` and thin out."""
        paths: list[tuple[np.ndarray, float]] = []
        for start in self.places(mask, count):
            self._grow(paths, start, self.rng.uniform(0, 2 * np.pi), width, length)
        self.lines(paths, RED, 0.75, 0.0012)

    def _grow(
        self,
        paths: list[tuple[np.ndarray, float]],
        start: np.ndarray,
        heading: float,
        width: float,
        length: int,
    ) -> None:
        turns = heading + np.cumsum(self.rng.normal(0, 0.28, length))
        steps = 0.011 * np.stack([np.cos(turns), np.sin(turns)], 1)
        path = start + np.cumsum(steps, 0)  # (N, 2)
        paths.append((path, width))
        if width > 0.0022 and length > 4:
            for at in self.rng.integers(length // 4, length, 2):
                branch = turns[at] + self.rng.choice([-1, 1]) * self.rng.uniform(0.5, 1.0)
                self._grow(paths, path[at], branch, width * 0.65, length * 2 // 3)

    def hairs(self) -> None:
        """None, or a few dark hairs across the picture."""
        paths = []
        for _ in range(self.rng.choice([0, 0, 0, 2, 4])):
            ends = self.rng.uniform(-0.65, 0.65, (2, 2))
            bend = ends.mean(0) + self.rng.normal(0, 0.12, 2)
            t = np.linspace(0, 1, 40)[:, None]
            path = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * bend + t**2 * ends[1]
            paths.append((path, self.rng.uniform(0.0015, 0.003)))
        if paths:
            self.lines(paths, (58, 44, 40), 0.85, 0.0008)

    # background and finish

    def _skin(self) -> np.ndarray:
        tone = self.rng.uniform(0, 1)
        base = np.array((236, 196, 184)) * (1 - tone) + np.array((212, 154, 134)) * tone
        mottle = 5.0 * self.noise(0.5) + 3.0 * self.noise(0.06, 2)
        furrows = -7.0 * _step((0.09 - self.cells(0.035)) / 0.08)  # the skin's own fine lines
        redness = np.clip(self.noise(0.4), 0, 2)[..., None] * np.array((2.0, -5.0, -4.0))
        return base + (mottle + furrows)[..., None] + redness

    def finish(self) -> Image.Image:
        """Light from one side, a darker rim, the camera's softness and grain."""
        angle = self.rng.uniform(0, 2 * np.pi)
        slope = self.x * np.cos(angle) + self.y * np.sin(angle)
        rim = np.clip(np.hypot(self.x, self.y) - 0.28, 0, None) ** 2
        light = 1 + 0.10 * slope - self.rng.uniform(0.4, 1.4) * rim
        image = _to_image(self.canvas * light[..., None])
        image = image.filter(ImageFilter.GaussianBlur(0.0013 * self.unit))
        grain = self.rng.normal(0, 2.2, (self.height, self.width, 1))
        return _to_image(np.asarray(image) + grain)


def _step(value: np.ndarray) -> np.ndarray:
    """Smooth 0 to 1 around zero, about two units wide."""
    t = np.clip(value / 2 + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _to_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))


def draw_nevus(d: Drawing) -> None:
    body = d.blob(d.rng.uniform(0.17, 0.25), rough=0.04, edge=0.05, lobes=0.04)
    d.paint(TAN, body * 0.75)
    d.paint(BROWN, body * np.clip(0.35 + 0.15 * d.noise(0.15), 0, 1))
    if d.rng.random() < 0.65:
        d.network(body, d.rng.uniform(0.022, 0.03), DARK, 0.75)
    else:
        d.dots(body, 130, 0.011, DARK, 0.7)
    d.paint(DARK, d.blob(0.09, 0.1, 0.06) * 0.35)


def draw_melanoma(d: Drawing) -> None:
    body = d.blob(d.rng.uniform(0.24, 0.31), rough=0.14, edge=0.022, lobes=0.2)
    d.paint(BROWN, body * 0.85)
    d.paint(TAN, body * d.patch(0.3, 0.3, 0.7) * 0.6)
    d.paint(DARK, body * d.patch(0.25, 0.5, 0.7) * 0.8)
    d.network(body * d.patch(0.3, 0.6, 0.6), 0.024, BLACK, 0.7)
    d.paint(BLACK, body * d.patch(0.2, 0.22, 0.5) * 0.8)
    d.paint(PINK, body * d.patch(0.25, 0.12, 0.9) * 0.5)
    veil = d.spot(d.rng.uniform(-0.1, 0.1, 2), 0.12, 0.9)
    d.paint(BLUE, body * np.clip(veil * (0.8 + 0.3 * d.noise(0.1)), 0, 1) * 0.75)
    d.dots(body, 45, 0.008, BLACK, 0.9)
    d.paint(WHITE, body * d.patch(0.2, 0.05, 0.4) * 0.45)


def draw_basal_cell_carcinoma(d: Drawing) -> None:
    body = d.blob(d.rng.uniform(0.2, 0.27), rough=0.06, edge=0.05)
    d.paint(PINK, body * 0.55)
    d.paint(WHITE, body * d.patch(0.2, 0.35, 0.8) * 0.45)
    d.dots(body, int(d.rng.integers(4, 11)), 0.024, BLUE, 0.8)
    d.vessels(body, 4, 0.0065, 26)
    d.paint(RED, d.spot(d.rng.uniform(-0.08, 0.08, 2), 0.03, 0.8) * d.patch(0.05, 0.6) * 0.7)


def draw_benign_keratosis(d: Drawing) -> None:
    body = d.blob(d.rng.uniform(0.2, 0.29), rough=0.07, edge=0.014, lobes=0.09)
    d.paint(TAN, body * 0.8)
    d.paint(YELLOW, body * d.patch(0.15, 0.3, 0.6) * 0.4)
    d.paint(BROWN, body * d.patch(0.12, 0.45, 0.6) * 0.55)
    ridges = _step((0.1 - d.cells(0.06)) / 0.1)
    d.paint(DARK, body * ridges * d.patch(0.2, 0.6) * 0.4)
    d.dots(body, 22, 0.0085, WHITE, 0.85)
    d.dots(body, 18, 0.010, DARK, 0.85)


def draw_actinic_keratosis(d: Drawing) -> None:
    body = d.blob(d.rng.uniform(0.22, 0.3), rough=0.13, edge=0.09)
    d.paint(PINK, body * 0.75)
    d.network(body, 0.034, RED, 0.4)
    d.dots(body, 60, 0.0055, RED, 0.7)
    d.dots(body, 24, 0.010, YELLOW, 0.6)
    scale = d.patch(0.12, 0.2, 0.3)
    d.paint(WHITE, body * scale * np.clip(0.6 + 0.4 * d.noise(0.02, 2), 0, 1) * 0.8)


def draw_squamous_cell_carcinoma(d: Drawing) -> None:
    draw_actinic_keratosis(d)
    core = d.blob(0.12, rough=0.15, edge=0.03)
    d.paint(YELLOW, core * 0.75)
    d.paint(WHITE, core * d.patch(0.08, 0.4) * 0.7)
    d.paint(PURPLE, core * d.patch(0.06, 0.12) * 0.8)
    d.vessels(d.blob(0.2, 0.1, 0.05) * (1 - core), 9, 0.0042, 12)


def draw_dermatofibroma(d: Drawing) -> None:
    radius = d.rng.uniform(0.17, 0.23)
    body = d.blob(radius, rough=0.05, edge=0.08)
    d.paint(TAN, body * 0.65)
    d.network(body, 0.026, BROWN, 0.7)
    d.paint(PINK, d.blob(radius * 0.65, 0.08, 0.06) * 0.5)
    d.paint(WHITE, d.blob(radius * 0.45, 0.15, 0.05) * 0.75)


def draw_vascular_lesion(d: Drawing) -> None:
    body = d.blob(d.rng.uniform(0.16, 0.23), rough=0.06, edge=0.025, lobes=0.1)
    d.paint(RED, body * 0.75)
    d.dots(body, 34, 0.032, PURPLE, 0.8)
    d.paint(PURPLE, body * d.patch(0.15, 0.3, 0.8) * 0.5)
    septa = _step((0.12 - d.cells(0.07)) / 0.16)
    d.paint(PINK, body * septa * 0.5)
    d.paint(WHITE, body * septa * d.patch(0.2, 0.3, 0.6) * 0.35)


PAINTERS: dict[str, Callable[[Drawing], None]] = {
    "nv": draw_nevus,
    "mel": draw_melanoma,
    "bcc": draw_basal_cell_carcinoma,
    "bkl": draw_benign_keratosis,
    "sk": draw_benign_keratosis,
    "akiec": draw_actinic_keratosis,
    "scc": draw_squamous_cell_carcinoma,
    "df": draw_dermatofibroma,
    "vasc": draw_vascular_lesion,
}
