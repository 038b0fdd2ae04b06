"""Which photographs show a ruler."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from clinic.quality import RULER, measure
from clinic.rulers import bending_of, ruler_score, thin_marks
from tests.factories import draw_lesion

INK = (60, 50, 45)
EVEN = [20.0 * k for k in range(11)]


def draw_scale(
    image: Image.Image, places: list[float], *, angle: float = 0, line: bool = False
) -> Image.Image:
    """Ticks at these places of a straight line across the lower half of the frame."""
    draw, radians = ImageDraw.Draw(image), np.deg2rad(angle)
    ahead = np.array([np.cos(radians), np.sin(radians)])
    up = np.array([ahead[1], -ahead[0]])
    start = np.array(image.size) * (0.5, 0.7) - ahead * np.mean(places)

    def stroke(begin: np.ndarray, end: np.ndarray) -> None:
        draw.line((*begin, *end), fill=INK, width=2)

    for place in places:
        stroke(start + place * ahead, start + place * ahead + 16 * up)
    if line:
        stroke(start, start + max(places) * ahead)
    return image


def draw_hairs(image: Image.Image, seed: int, count: int) -> Image.Image:
    draw, random = ImageDraw.Draw(image), np.random.default_rng(seed)
    for x, y in random.uniform((-300, -200), (500, 350), (count, 2)):
        draw.arc((x, y, x + 500, y + 400), 0, 360, INK, width=3)
    return image


@pytest.mark.parametrize("line", [False, True])
@pytest.mark.parametrize("angle", [0, 17, 45, 90, 140])
def test_a_scale_is_told_at_any_angle(angle: int, line: bool) -> None:
    picture = draw_scale(draw_lesion((600, 450)), EVEN, angle=angle, line=line)
    assert "ruler" in measure(picture).warnings


@pytest.mark.parametrize("step", [10, 15, 30, 50])
def test_fine_and_coarse_scales_are_told(step: int) -> None:
    picture = draw_scale(draw_lesion((600, 450)), [step * k for k in range(9)])
    assert ruler_score(picture) > RULER


def test_a_scale_under_a_few_hairs_is_told() -> None:
    picture = draw_scale(draw_lesion((600, 450)), EVEN, angle=10, line=True)
    assert ruler_score(draw_hairs(picture, 0, 4)) > RULER


def test_a_slightly_curved_scale_is_told() -> None:
    picture = draw_lesion((600, 450))
    draw = ImageDraw.Draw(picture)
    for angle in np.linspace(-0.35, 0.35, 13):
        far = np.array([np.sin(angle), np.cos(angle)])
        draw.line((*((300, 0) + 340 * far), *((300, 0) + 358 * far)), fill=INK, width=2)
    assert ruler_score(picture) > RULER


def test_the_size_of_the_photograph_does_not_matter() -> None:
    picture = draw_scale(draw_lesion((600, 450)), EVEN, angle=30, line=True)
    for size in ((340, 255), (1200, 900), (2400, 1800)):
        assert ruler_score(picture.resize(size)) > RULER


@pytest.mark.parametrize(
    "places",
    [EVEN[:5], [0, 13, 44, 61, 99, 108, 149, 170, 180], [0.0]],
    ids=["five", "uneven", "one"],
)
def test_fewer_or_uneven_ticks_are_no_scale(places: list[float]) -> None:
    assert ruler_score(draw_scale(draw_lesion((600, 450)), places)) < RULER


@pytest.mark.parametrize("seed", range(5))
def test_skin_and_hair_are_no_scale(seed: int) -> None:
    assert ruler_score(draw_lesion((600, 450), seed)) < RULER
    for count in (5, 25, 60):
        assert ruler_score(draw_hairs(draw_lesion((600, 450), seed), seed, count)) < RULER


def test_a_pigment_network_is_no_scale() -> None:
    network = Image.new("RGB", (600, 450), (190, 130, 100))
    draw, random = ImageDraw.Draw(network), np.random.default_rng(0)
    for y in range(0, 450, 14):
        for x in range(0, 600, 14):
            left, top = random.normal((x, y), 1.5)
            draw.ellipse((left, top, left + 14, top + 14), outline=(90, 50, 35), width=2)
    assert ruler_score(network) < RULER


@pytest.mark.parametrize("width", [6, 10, 14, 20])
def test_ridges_all_over_the_picture_are_no_scale(width: int) -> None:
    # as of a palm: what repeats beside the row as well is no row of ticks
    y, x = np.mgrid[:450, :600]
    ridges = 150 + 40 * np.sin(2 * np.pi * (x + 6 * np.sin(y / 60)) / width)
    assert ruler_score(Image.fromarray(ridges.astype(np.uint8))) < RULER


def test_strokes_of_ink_are_no_scale() -> None:
    picture = draw_lesion((600, 450))
    draw = ImageDraw.Draw(picture)
    for k, x in enumerate((60, 75, 101, 112, 139)):
        draw.line((x, 60 + 7 * k % 20, x + 30 - 9 * k, 110 - 5 * k), fill=(90, 40, 140), width=5)
    assert ruler_score(picture) < RULER


@pytest.mark.parametrize("size", [(1, 1), (9, 9), (16, 4000), (4000, 16)])
def test_pictures_of_nothing_have_no_scale(size: tuple[int, int]) -> None:
    assert ruler_score(Image.new("RGB", size, "white")) == 0


def test_a_dark_line_bends_across_itself_alone() -> None:
    grey = np.full((21, 21), 200, dtype=np.float32)
    grey[:, 10] = 100
    bending, middle = bending_of(grey), np.array([10 + 10j], dtype=np.complex64)
    across, along = (np.array([u], dtype=np.complex64) for u in (1, 1j))
    # twice (1, 2, 1) / 4 makes (1, 4, 6, 4, 1) / 16 of the line: 100 * (6 + 6 - 2 * 4) / 16
    assert bending.along(across, middle) == pytest.approx(25)
    assert bending.along(along, middle) == pytest.approx(0)
    marks, normals = thin_marks(bending)
    assert set(marks.real) == {10}
    assert np.abs(normals.real) == pytest.approx(1)


ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NEVUS_DATA") or ROOT.parent / "shared" / "data") / "originals"
# the scale of a contact plate; in the last two it is faint
WITH_SCALE = {"ISIC_0024338", "ISIC_0024367", "ISIC_0024431"}


@pytest.mark.skipif(not DATA.is_dir(), reason="NEVUS_DATA names the folder of the photographs")
def test_scales_of_original_photographs_are_told() -> None:
    found = set()
    for path in DATA.rglob("*.jpg"):
        with Image.open(path) as image:
            if "ruler" in measure(image.convert("RGB")).warnings:
                found.add(path.stem)
    assert found == WITH_SCALE
