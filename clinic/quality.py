"""How good a photograph is, measured on a small grey copy: sharpness, exposure, lesion in frame.

Limits were set on the 45 original dermoscopic photographs of HAM10000 (600 x 450): at 512 pixels
all of them lie above a Laplacian variance of 23; blurred with a Gaussian of 2 pixels all lie below
6.1. Lesion shares were compared with the expert masks of 150 images (correlation 0.6), which is
good enough to say "small in the frame" and no more. Whether a lesion is cut off at the edge is told
by models that can (ml/outline.py): by grey levels five of six alarms would have been false (AUC
0.66 on 700 expert masks). The limit for hair was set on 500 images and looked at on 1,200 others:
of 63 above it 58 are densely hairy, and of 120 drawn from those below it five. The limit for rulers
was set on 3,006 images at 3.5, looked at on 5,902 others (469 of 475 alarms right) and then raised,
so that the figures at 3.7 are a little kind: of 461 above it 459 show a ruler or scale, and of 245
drawn from those below it 17 (faint ones, and such as hair or ink lies on), so about four of five
are found. Fewer than six ticks, as a corner of the frame may show, are not looked for. The limit
for colours is half of the least chroma of 12,005 dermoscopic images (HAM10000, ISIC 2017).
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from clinic.hair import hair_share
from clinic.rulers import ruler_score

SIZE = 512
SHARP = 10.0  # Laplacian variance below which a picture is called blurred
DARK, BRIGHT = 0.22, 0.88  # mean luminance
CLIPPED = 0.25  # share of black or white pixels
SMALL_LESION = 0.02  # share of the frame
HAIRY = 0.06  # share of the frame
RULER = 3.7  # score of a row of ticks; waves without end reach 3.65
FEW_PIXELS = 200  # shorter side
COLOURLESS = 0.008  # mean difference between the strongest channel and the weakest, 0 to 1


@dataclass(frozen=True)
class Quality:
    """``score`` 0 (useless) to 1; ``blur`` 0 (sharp) to 1, blurred above 0.5; ``exposure`` is the
    mean luminance, 0 to 1; ``lesion_share`` and ``hair_share`` of the frame, 0 to 1; ``warnings``
    are codes."""

    score: float
    blur: float
    exposure: float
    lesion_share: float
    hair_share: float
    warnings: tuple[str, ...]

    def as_dict(self) -> dict:
        return asdict(self) | {"warnings": list(self.warnings)}


def measure(image: Image.Image) -> Quality:
    """Measure an RGB picture of any size."""
    small = image.convert("L")
    small.thumbnail((SIZE, SIZE), Image.Resampling.BILINEAR)
    grey = np.asarray(small, dtype=np.float32)  # (H, W), 0 to 255
    variance = laplacian_variance(grey)
    exposure = float(grey.mean() / 255)
    clipped = float(((grey <= 2) | (grey >= 253)).mean())
    share, hairs = dark_share(small), hair_share(small)
    warnings = []
    if variance < SHARP:
        warnings.append("blurred")
    if exposure < DARK:
        warnings.append("too_dark")
    if exposure > BRIGHT or (clipped > CLIPPED and exposure > 0.5):
        warnings.append("too_bright")
    if share < SMALL_LESION:
        warnings.append("lesion_small")
    if hairs > HAIRY:
        warnings.append("hairy")
    if ruler_score(small) > RULER:
        warnings.append("ruler")
    if chroma(image) < COLOURLESS:
        warnings.append("colourless")
    if min(image.size) < FEW_PIXELS:
        warnings.append("few_pixels")
    blur = 1 / (1 + variance / SHARP)
    # blur is in the first factor already, and a scale may be wanted
    faults = sum(code not in ("blurred", "ruler") for code in warnings)
    score = min(1.0, 2 * (1 - blur)) * 0.7**faults
    figures = (round(value, 3) for value in (score, blur, exposure, share, hairs))
    return Quality(*figures, tuple(warnings))


def chroma(image: Image.Image) -> float:
    """How colourful an RGB picture is, 0 to 1: the mean difference between its strongest channel
    and its weakest."""
    small = image.resize((128, 128), Image.Resampling.BILINEAR, reducing_gap=2.0)
    values = np.asarray(small, dtype=np.float32)  # (128, 128, 3)
    return float((values.max(2) - values.min(2)).mean() / 255)


def laplacian_variance(grey: NDArray[np.float32]) -> float:
    """Variance of the 4-neighbour Laplacian (Pech-Pacheco et al., ICPR 2000)."""
    if min(grey.shape) < 3:
        return 0.0
    centre = 4 * grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((centre - around).var())


def dark_share(grey: Image.Image) -> float:
    """Share of the central ellipse that is darker than Otsu's threshold: about the lesion."""
    small = grey.copy()
    small.thumbnail((128, 128), Image.Resampling.BILINEAR)
    values = np.asarray(small.filter(ImageFilter.GaussianBlur(2)))  # (H, W) uint8
    inside = values[central_ellipse(values.shape)]
    return float((inside <= otsu_threshold(inside)).mean()) if inside.size else 0.0


def central_ellipse(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Leaves out the dark corners that a dermatoscope's tube casts."""
    rows, columns = (np.linspace(-1, 1, length) for length in shape[:2])
    return np.hypot(rows[:, None], columns[None, :]) < 1.15


def otsu_threshold(values: NDArray[np.uint8]) -> int:
    """Otsu, IEEE Transactions on Systems, Man and Cybernetics 9:62 (1979)."""
    share = np.bincount(values, minlength=256) / values.size
    below = np.cumsum(share)
    mean = np.cumsum(share * np.arange(256))
    between = np.maximum(below * (1 - below), 1e-9)
    return int(np.argmax((mean[-1] * below - mean) ** 2 / between))
