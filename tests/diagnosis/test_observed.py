"""Beside a figure of malignancy stands what pictures with such figures turned out to be."""

import pytest

from diagnosis.observed import Observed, observed
from diagnosis.services.shares import Share

TENTHS = [
    {"least": 0.01, "largest": 0.1, "images": 50, "malignant": 1},
    {"least": 0.12, "largest": 0.5, "images": 50, "malignant": 9},
    {"least": 0.5, "largest": 0.98, "images": 49, "malignant": 40},
]
MANIFEST = {"metrics": {"curves": {"malignancy": TENTHS}}}


@pytest.mark.parametrize(
    ("malignancy", "place"),
    [(0.0, 0), (0.01, 0), (0.11, 0), (0.12, 1), (0.49, 1), (0.5, 2), (0.7, 2), (1.0, 2)],
)
def test_it_is_that_of_the_tenth(malignancy: float, place: int) -> None:
    tenth = TENTHS[place]
    share = Share(int(tenth["malignant"]), int(tenth["images"]))
    assert observed(MANIFEST, malignancy) == Observed(tenth["least"], tenth["largest"], share)


@pytest.mark.parametrize("manifest", [{}, {"metrics": {}}, {"metrics": {"curves": {"roc": {}}}}])
def test_a_model_measured_without_says_nothing(manifest: dict) -> None:
    assert observed(manifest, 0.4) is None
