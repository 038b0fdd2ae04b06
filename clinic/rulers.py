"""How clearly a photograph shows a ruler or the scale of a contact plate.

Models have taken rulers for a sign of melanoma (Narla et al., Journal of Investigative Dermatology
138:2108, 2018).

A scale is a row of thin dark ticks, one step apart, with clear gaps between and nothing of the kind
beside the row. Ticks are where brightness bends most across a line (Steger, IEEE Transactions on
Pattern Analysis and Machine Intelligence 20:113, 1998). Any two that face each other may be the
first and the last of a row; at each step between them there must be one more. Positions, steps and
directions are complex numbers, x + iy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = 340  # longest side that is looked at; the lengths below are pixels of it
COUNTS = (6, 8, 11, 15)  # ticks of a row
STEPS = 3.5, 32.0  # from a tick to the next
BENT, FAINT = 2.5, 1.0  # grey levels by which the first and last tick bend, and those between
OBLONG = 0.6  # bends at most that share as much along itself as across
MARGIN = 4
MARKS = 600  # the strongest; pairs of all would take long where there is much hair
TILT = 0.2  # sine of the angle between a row and the normals of its ticks
BESIDE = 9, 12  # from a row to where nothing of its kind may be
CLEAR = 0.3  # share of a tick that stands out from the strongest gap
WEIGHT = 3  # of what is beside, against the unevenness of the row itself
NOISE = 0.3  # grey levels

Reals = NDArray[np.float32]
Points = NDArray[np.complex64]


@dataclass(frozen=True)
class Bending:
    """Second derivatives of a picture (H, W): their mean over all directions, and by how much they
    differ from it, which turns twice as fast as the direction."""

    mean: Reals
    turn: Points

    def along(self, direction: Points, at: Points) -> Reals:
        """The second derivative at the nearest pixel; positive across a dark line."""
        last_row, last_column = (length - 1 for length in self.mean.shape)
        rows = np.rint(at.imag).astype(np.intp).clip(0, last_row)
        columns = np.rint(at.real).astype(np.intp).clip(0, last_column)
        return self.mean[rows, columns] + (self.turn[rows, columns] * direction.conj() ** 2).real


def ruler_score(image: Image.Image) -> float:
    """How far the ticks of the clearest row stand out, in parts of their unevenness and of what is
    beside the row; 0 where no six ticks stand in a row. A picture of any size."""
    small = image.convert("L")
    small.thumbnail((SIZE, SIZE), Image.Resampling.BILINEAR)
    bending = bending_of(np.asarray(small, dtype=np.float32))
    firsts, spans = facing_pairs(*thin_marks(bending))
    return max(best_row(bending, firsts, spans, count) for count in COUNTS)


def bending_of(grey: Reals) -> Bending:
    """Of a picture (H, W), smoothed twice with (1, 2, 1)."""
    for _ in range(2):
        p = np.pad(grey, 1, mode="edge")
        p = p[:-2] + 2 * p[1:-1] + p[2:]
        grey = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 16
    p = np.pad(grey, 1, mode="edge")
    xx = p[1:-1, 2:] + p[1:-1, :-2] - 2 * grey
    yy = p[2:, 1:-1] + p[:-2, 1:-1] - 2 * grey
    xy = (p[2:, 2:] + p[:-2, :-2] - p[2:, :-2] - p[:-2, 2:]) / 4
    return Bending((xx + yy) / 2, ((xx - yy) / 2 + 1j * xy).astype(np.complex64))


def thin_marks(bending: Bending) -> tuple[Points, Points]:
    """Where thin dark marks are strongest, (N,), and the directions across them."""
    difference = np.abs(bending.turn)
    across, lengthwise = bending.mean + difference, np.abs(bending.mean - difference)
    inner = (slice(MARGIN, -MARGIN),) * 2
    strength = across[inner]
    height, width = strength.shape
    peak = (strength > BENT) & (lengthwise[inner] < OBLONG * strength)
    for y in (MARGIN - 1, MARGIN, MARGIN + 1):
        for x in (MARGIN - 1, MARGIN, MARGIN + 1):
            peak &= strength >= across[y : y + height, x : x + width]
    rows, columns = np.nonzero(peak)
    strongest = np.argsort(-strength[rows, columns], kind="stable")[:MARKS]
    rows, columns = rows[strongest] + MARGIN, columns[strongest] + MARGIN
    turn = bending.turn[rows, columns]
    return (columns + 1j * rows).astype(np.complex64), np.sqrt(turn / np.abs(turn))


def facing_pairs(marks: Points, normals: Points) -> tuple[Points, Points]:
    """Of marks that lie in the direction of each other's normals: one, and the way to the other."""
    spans = marks[None, :] - marks[:, None]  # (N, N)
    aside = np.maximum(
        np.abs((spans * normals.conj()[:, None]).imag),
        np.abs((spans * normals.conj()[None, :]).imag),
    )
    first, last = np.nonzero(np.triu(aside < TILT * np.abs(spans), 1))
    return marks[first], spans[first, last]


def best_row(bending: Bending, firsts: Points, spans: Points, count: int) -> float:
    """The score of the clearest row of ``count`` ticks, 0 without any."""
    steps = np.abs(spans) / (count - 1)
    kept = (steps > STEPS[0]) & (steps < STEPS[1])
    firsts, spans = firsts[kept], spans[kept]
    # most pairs end at one of the first steps
    for k in range(1, count - 1):
        ahead = spans / np.abs(spans)
        marked = bending.along(ahead, firsts + spans * np.float32(k / (count - 1))) > FAINT
        firsts, spans = firsts[marked], spans[marked]
    return float(row_scores(bending, firsts, spans, count).max(initial=0))


def row_scores(bending: Bending, firsts: Points, spans: Points, count: int) -> Reals:
    """One for each of K rows: a Welch statistic of ticks and gaps, weakened by what is beside."""
    ahead = spans / np.abs(spans)
    eighths = np.linspace(0, 1, 8 * count - 7, dtype=np.float32)[:, None]  # of a step

    def lane(offset: int, parts: Reals) -> Reals:  # (P, K)
        return bending.along(ahead, firsts + spans * parts + 1j * offset * ahead)

    middle = np.mean([lane(offset, eighths[::4]) for offset in (-1, 0, 1)], axis=0)
    ticks, gaps = middle[::2], middle[1::2]
    # of a network, one lane may fall between its meshes, not two
    sides = [[lane(side * far, eighths).std(axis=0) for far in BESIDE] for side in (-1, 1)]
    beside = np.max(sides, axis=1).min(axis=0)
    over = ticks.min(axis=0) - gaps.max(axis=0, initial=0)
    clear = over > CLEAR * np.median(ticks, axis=0)
    uneven = ticks.std(axis=0) + gaps.std(axis=0) + WEIGHT * beside + NOISE
    return clear * np.sqrt(count) * (ticks.mean(axis=0) - gaps.mean(axis=0)) / uneven
