"""How good a photograph is."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from clinic.quality import central_ellipse, laplacian_variance, measure, otsu_threshold
from tests.factories import draw_lesion


def warnings_of(image: Image.Image) -> set[str]:
    return set(measure(image).warnings)


def test_a_good_photograph() -> None:
    quality = measure(draw_lesion((600, 450)))
    assert quality.warnings == ()
    assert quality.blur < 0.5
    assert quality.score > 0.9
    # the spot's half axes are 0.4 to 0.5 of the frame's
    assert 0.1 < quality.lesion_share < 0.35


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda image: image.filter(ImageFilter.GaussianBlur(4)), "blurred"),
        (lambda image: ImageEnhance.Brightness(image).enhance(0.25), "too_dark"),
        (lambda image: ImageEnhance.Brightness(image).enhance(1.7), "too_bright"),
        (lambda image: image.resize((300, 199)), "few_pixels"),
        (lambda image: image.convert("L").convert("RGB"), "colourless"),
    ],
)
def test_one_fault_gives_one_warning(change, code: str) -> None:
    before = draw_lesion((600, 450))
    after = change(before)
    assert code in warnings_of(after)
    assert code not in warnings_of(before)
    assert measure(after).score < measure(before).score


def test_more_blur_is_measured_as_more() -> None:
    image = draw_lesion((600, 450))
    blurs = [measure(image.filter(ImageFilter.GaussianBlur(r))).blur for r in (0, 1, 2, 4)]
    assert blurs == sorted(blurs)
    assert blurs[-1] > 0.9


def test_a_small_lesion_is_told() -> None:
    frame = Image.new("RGB", (600, 450), (214, 168, 150))
    frame.paste((112, 72, 56), (290, 215, 330, 245))
    assert "lesion_small" in warnings_of(frame)
    frame.paste((112, 72, 56), (200, 150, 400, 300))
    assert "lesion_small" not in warnings_of(frame)


def hairs(image: Image.Image, count: int) -> Image.Image:
    """Dark arcs of 2 pixels across the frame."""
    draw, random = ImageDraw.Draw(image), np.random.default_rng(0)
    for x, y in random.uniform((-300, -200), (500, 350), (count, 2)):
        draw.arc((x, y, x + 500, y + 400), 0, 360, (60, 35, 25), width=3)
    return image


def test_dense_hair_is_told_and_a_few_hairs_are_not() -> None:
    assert "hairy" not in warnings_of(hairs(draw_lesion((600, 450)), 2))
    assert "hairy" in warnings_of(hairs(draw_lesion((600, 450)), 25))
    shares = [measure(hairs(draw_lesion((600, 450)), n)).hair_share for n in (0, 5, 10, 20)]
    assert shares[0] < 0.005
    assert shares == sorted(shares)


def test_a_pigment_network_is_no_hair() -> None:
    network = Image.new("RGB", (600, 450), (190, 130, 100))
    draw = ImageDraw.Draw(network)
    for y in range(0, 450, 14):
        for x in range(0, 600, 14):
            draw.ellipse((x, y, x + 14, y + 14), outline=(90, 50, 35), width=2)
    assert measure(network).hair_share < 0.01


@pytest.mark.parametrize("colour", ["black", "white", "grey"])
@pytest.mark.parametrize("size", [(16, 16), (16, 4000), (4000, 16)])
def test_pictures_of_nothing_are_measured(colour: str, size: tuple[int, int]) -> None:
    quality = measure(Image.new("RGB", size, colour))
    assert "blurred" in quality.warnings
    figures = quality.as_dict()
    del figures["warnings"]
    assert all(0 <= value <= 1 for value in figures.values())


def test_the_laplacian_of_a_known_picture() -> None:
    point = np.zeros((5, 5), dtype=np.float32)
    point[2, 2] = 1
    # nine inner values: 4, four of -1 and four of 0
    assert laplacian_variance(point) == pytest.approx(20 / 9)
    assert laplacian_variance(np.zeros((2, 9), dtype=np.float32)) == 0


def test_otsu_finds_the_valley() -> None:
    values = np.array([40] * 30 + [50] * 30 + [200] * 60, dtype=np.uint8)
    assert 50 <= otsu_threshold(values) < 200


def test_the_ellipse_leaves_out_the_corners() -> None:
    inside = central_ellipse((90, 120))
    assert inside[45, 60]
    assert inside[45, 0]
    assert not inside[0, 0]
    assert not inside[-1, -1]
