"""Drawings repeat, differ and look like pictures."""

import numpy as np
import pytest

from ml import taxonomy
from ml.synthetic import draw_lesion

SIZE = (96, 72)


@pytest.mark.parametrize("code", [entry.code for entry in taxonomy.CLASSES])
def test_every_class_can_be_drawn(code):
    image = draw_lesion(code, 1, SIZE)
    assert image.mode == "RGB"
    assert image.size == SIZE
    assert np.asarray(image).std() > 3


def test_same_seed_same_pixels():
    assert draw_lesion("mel", 4, SIZE).tobytes() == draw_lesion("melanoma", 4, SIZE).tobytes()
    assert draw_lesion("mel", 4, SIZE).tobytes() != draw_lesion("mel", 5, SIZE).tobytes()
    assert draw_lesion("nv", 4, SIZE).tobytes() != draw_lesion("df", 4, SIZE).tobytes()


def test_unknown_class():
    with pytest.raises(ValueError, match="wart"):
        draw_lesion("wart", 0)
