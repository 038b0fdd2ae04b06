"""How much of a photograph dark hair covers.

Thin dark lines as in DullRazor (Lee et al., Computers in Biology and Medicine 27:533, 1997): what a
closing by short lines fills is thin and dark. Of that, stretches are kept that are long, nearly
straight and have no neighbours of their kind on either side, as the network of a nevus has.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = 300  # longest side that is looked at; the lengths below are pixels of it
DEPTH = 14  # grey levels by which a hair is darker than what is around it
WIDTH = 9  # lines that are thinner than this are filled
LENGTH = 25
GAP = 5  # between a hair and where another line may run
COVERED, ALONE = 0.8, 0.4  # shares of a stretch that is thin and dark, on it and beside it
DIRECTIONS = 16


def hair_share(image: Image.Image) -> float:
    """Share of the pixels that lie on dark hairs, 0 to 1, of a grey picture of any size."""
    small = image.convert("L")
    small.thumbnail((SIZE, SIZE), Image.Resampling.BILINEAR)
    thin = thin_and_dark(np.asarray(small, dtype=np.int16))
    hairs = np.zeros_like(thin)
    for k in range(DIRECTIONS):
        angle = k * np.pi / DIRECTIONS
        line = points_of_line(LENGTH, angle)
        count = np.sum(views(thin.astype(np.uint8), line), axis=0, dtype=np.uint8)  # (H, W)
        aside = (round(GAP * np.cos(angle)), round(-GAP * np.sin(angle)))
        beside = np.maximum(*views(count, [aside, (-aside[0], -aside[1])]))
        middles = (count >= COVERED * len(line)) & (beside <= ALONE * len(line))
        hairs |= np.logical_or.reduce(views(middles, line)) & thin
    return float(hairs.mean())


def thin_and_dark(grey: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where a closing of ``grey`` (H, W) by short lines of four directions fills something."""
    filled = []
    for k in range(4):
        line = points_of_line(WIDTH, k * np.pi / 4)
        filled.append(np.minimum.reduce(views(np.maximum.reduce(views(grey, line)), line)))
    return np.maximum.reduce(filled) - grey > DEPTH


def points_of_line(length: int, angle: float) -> list[tuple[int, int]]:
    """Rows and columns from the middle of a line to its pixels."""
    along = np.arange(length) - (length - 1) / 2
    rows, columns = np.rint(along * np.sin(angle)), np.rint(along * np.cos(angle))
    return sorted({(int(y), int(x)) for y, x in zip(rows, columns, strict=True)})


def views(values: NDArray, points: list[tuple[int, int]]) -> list[NDArray]:
    """``values`` (H, W) moved by each of the points; outside the picture its edge goes on."""
    margin = max(abs(step) for point in points for step in point)
    padded = np.pad(values, margin, mode="edge")
    height, width = values.shape
    return [padded[margin + y :, margin + x :][:height, :width] for y, x in points]
