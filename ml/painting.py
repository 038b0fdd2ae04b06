"""A heat map as a picture to lay over the one that it explains."""

from __future__ import annotations

import numpy as np
from PIL import Image

# heat, red, green, blue, opacity: from nothing over blue to yellow. Lightness and opacity rise
# together, so that the order is seen without any sense of colour; the colours are Okabe and Ito's
STOPS = np.array(
    [
        (0.00, 0, 114, 178, 0),
        (0.15, 0, 114, 178, 40),
        (0.50, 86, 180, 233, 140),
        (1.00, 240, 228, 66, 215),
    ]
)


def paint(heat: np.ndarray) -> Image.Image:
    """Heat (H, W) in [0, 1] to an RGBA picture W x H, transparent where there is none."""
    levels = np.linspace(0, 1, 256)
    table = np.stack([np.interp(levels, STOPS[:, 0], STOPS[:, c]) for c in (1, 2, 3, 4)], 1)
    places = (heat.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(table.round().astype(np.uint8)[places], "RGBA")
