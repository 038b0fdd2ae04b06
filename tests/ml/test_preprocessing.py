"""Any image becomes the same kind of tensor, and the same image the same tensor."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ml.config import Preprocessing
from ml.preprocessing import chroma, prepare, to_pixels, to_rgb

COVER, SQUASH = Preprocessing(size=32), Preprocessing(size=32, resize="squash")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
@pytest.mark.parametrize("config", [COVER, SQUASH])
def test_every_mode_becomes_a_tensor(photograph, mode, config):
    source = photograph.convert("P").convert(mode) if mode == "PA" else photograph.convert(mode)
    tensor = prepare(source, config)
    assert tensor.shape == (3, 32, 32)
    assert tensor.dtype == torch.float32
    assert tensor.isfinite().all()


def test_it_is_deterministic_and_leaves_the_image_alone(photograph):
    before = photograph.tobytes()
    assert torch.equal(prepare(photograph, COVER), prepare(photograph, COVER))
    assert photograph.tobytes() == before


def test_sixteen_bits_keep_their_shades():
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, "PNG")
    shades = np.asarray(to_rgb(Image.open(file)))[..., 0].astype(int)
    assert np.abs(shades - ramp / 257).max() <= 0.5


def test_dark_sixteen_bits_stay_dark():
    assert to_rgb(Image.fromarray(np.full((4, 4), 200, np.uint16))).getpixel((0, 0)) == (1, 1, 1)


def test_transparency_is_laid_on_white():
    assert to_rgb(Image.new("RGBA", (4, 4), (255, 0, 0, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_normalisation_is_the_configured_one():
    config = Preprocessing(size=8, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 2.0))
    tensor = prepare(Image.new("RGB", (8, 8), "white"), config)
    assert tensor[:, 0, 0].tolist() == [1.0, 1.0, 0.0]


def test_cover_takes_the_centre_and_squash_the_whole():
    image = Image.new("RGB", (64, 32), "black")
    image.paste("white", (0, 0, 16, 32))
    assert prepare(image, COVER).max() < -0.9
    assert prepare(image, SQUASH).max() > 0.9


def test_whole_mirrors_what_is_missing():
    """A picture of another shape is neither cut nor bent."""
    square = np.arange(32, dtype=np.uint8).repeat(32).reshape(32, 32)
    seen = to_pixels(Image.fromarray(square.T), Preprocessing(32, "whole", aspect=2.0))
    assert seen.shape == (32, 64, 3)
    assert seen[0, :, 0].tolist() == [*range(15, -1, -1), *range(32), *range(31, 15, -1)]
    flat = to_pixels(Image.fromarray(square[:4]), Preprocessing(32, "whole", aspect=2.0))
    assert flat.shape == (32, 64, 3)
    assert flat[4:12].tolist() == flat[19:11:-1].tolist()  # mirrored once, and again beyond


def test_an_upright_picture_is_turned_to_lie():
    upright = Image.new("RGB", (30, 40), "black")
    upright.paste("white", (0, 0, 30, 20))
    seen = to_pixels(upright, Preprocessing(30, "whole", aspect=4 / 3))
    assert seen.shape == (30, 40, 3)
    assert seen[:, :20].min() == 255
    assert seen[:, 20:].max() == 0
    assert to_pixels(upright, Preprocessing(30, "cover"))[:10].min() == 255  # a square stands


def test_chroma_is_of_the_picture_not_of_its_numbers() -> None:
    config = Preprocessing(size=8, mean=(0.7, 0.5, 0.6), std=(0.1, 0.2, 0.3))
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ("#808080", "#ff0000", "#c08040")]
    images = torch.stack([prepare(picture, config) for picture in pictures])
    expected = torch.tensor([0.0, 1.0, 128 / 255])
    torch.testing.assert_close(chroma(images, config), expected, rtol=0, atol=1e-5)
