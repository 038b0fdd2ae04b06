"""The numbers behind the figures."""

import numpy as np

from ml.curves import describe_curves, tenths
from ml.taxonomy import HAM10000


def test_tenths_hold_every_image_once_by_rising_risk() -> None:
    rng = np.random.default_rng(0)
    risks = rng.random(103)
    positive = rng.random(103) < risks
    found = tenths(risks, positive)
    assert len(found) == 10
    assert sum(part["images"] for part in found) == 103
    assert sum(part["malignant"] for part in found) == positive.sum()
    assert {part["images"] for part in found} == {10, 11}
    edges = [edge for part in found for edge in (part["least"], part["largest"])]
    assert edges == sorted(edges)
    in_third = np.sort(risks)[22:33]
    assert (found[2]["least"], found[2]["largest"]) == (
        round(in_third[0], 4),
        round(in_third[-1], 4),
    )


def test_few_images_are_fewer_parts() -> None:
    assert [part["images"] for part in tenths(np.array([0.2, 0.1]), np.array([True, False]))] == [
        1,
        1,
    ]


def test_a_part_without_malignant_images_has_none() -> None:
    labels = np.full(20, HAM10000.index("nv"))
    probabilities = np.full((20, 7), 1 / 7)
    assert describe_curves(labels, probabilities, HAM10000)["malignancy"] == []
