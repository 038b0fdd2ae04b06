"""Where the lesion lies, as a network draws it, and whether it is cut off.

A backbone that outlines (ResNet's option ``outline``) learns it from experts' masks as a second
task. What it draws is coarse, a sixteenth of the picture's side, and is kept as one figure: how
much of the edge of what the model sees belongs to the lesion.
"""

from __future__ import annotations

import numpy as np

CUT_OFF = "cut_off"
LEAST = 0.1  # of the edge of an expert's mask: with less the lesion only touches it
RIGHT = 0.8  # share of the alarms on validation that the experts' masks agree with, at least
FEWEST = 20  # alarms that a limit is chosen by


def edge_share(masks: np.ndarray) -> np.ndarray:
    """Mean (B,) of masks (B, h, w) in [0, 1] along their edge."""
    top, bottom = masks[:, 0], masks[:, -1]
    left, right = masks[:, 1:-1, 0], masks[:, 1:-1, -1]
    return np.concatenate([top, bottom, left, right], 1).mean(1)


def choose_limit(drawn: np.ndarray, expert: np.ndarray) -> float | None:
    """The lowest share ``drawn`` (N,) of the edge above which nearly all lesions are cut off.

    ``expert`` (N,) are the shares by the experts' masks. None where no limit has enough alarms and
    enough of them right.
    """
    order = np.argsort(-drawn)
    right = np.cumsum(expert[order] >= LEAST) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(right[FEWEST - 1 :] >= RIGHT)
    if not len(good):
        return None
    alarms = int(good[-1]) + FEWEST
    return float(drawn[order[alarms]]) if alarms < len(order) else 0.0
