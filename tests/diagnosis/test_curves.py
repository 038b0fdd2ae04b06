"""The curves of a model's page are those that measuring wrote into the manifest."""

from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from diagnosis.curves import Reliability, reliability, roc_curves
from ml.curves import describe_curves
from ml.taxonomy import BY_CODE
from tests.factories import HospitalFactory, ModelVersionFactory, doctor, manifest


def measured() -> dict[str, Any]:
    """A manifest with the curves of a model that guesses, measured by ml's own code."""
    known = manifest()
    noise = np.random.default_rng(0)
    probabilities = noise.dirichlet(np.ones(7), 200)
    labels = np.array([noise.choice(7, p=row) for row in probabilities])
    known["metrics"] = known["metrics"] | {
        "curves": describe_curves(labels, probabilities, known["classes"])
    }
    return known


def test_each_class_has_its_curve_and_malignant_comes_first() -> None:
    known = measured()
    found = roc_curves(known)
    assert [curve.name for curve in found][:2] == [
        "Malignant or not",
        BY_CODE[known["classes"][0]].name,
    ]
    assert len(found) == 8
    melanoma = found[1 + known["classes"].index("mel")]
    true = known["metrics"]["curves"]["roc"]["true_positive"]["mel"]
    first, *_, last = melanoma.points.split()
    assert (first, last) == (f"0.0,{100 - 100 * true[0]:.1f}", "100.0,0.0")
    assert melanoma.found == [true[5], true[10], true[20], true[30], true[50]]
    assert melanoma.area is not None
    assert melanoma.area.value == known["metrics"]["by_class"]["mel"]["auc"]["value"]
    assert all(not curve.dots for curve in found), "nothing was measured at the thresholds"


def test_the_shipped_thresholds_stand_on_the_curve() -> None:
    known = measured()
    known["metrics"]["overall"] |= {
        "malignant_sensitivity_at_medium": {"value": 0.9},
        "malignant_specificity_at_medium": {"value": 0.6},
        "malignant_sensitivity_at_high": {"value": 2},
        "malignant_specificity_at_high": {"value": 0.9},
    }
    (dot,) = roc_curves(known)[0].dots
    assert (dot.x, dot.y) == (40.0, 10.0)


def test_the_dots_of_the_diagram_are_as_large_as_their_bins() -> None:
    found = reliability(measured())
    assert isinstance(found, Reliability)
    assert sum(images for images, _confidence, _accuracy in found.rows) == 200
    largest = max(range(len(found.rows)), key=lambda place: found.rows[place][0])
    assert found.dots[largest].radius == max(dot.radius for dot in found.dots)
    _images, confidence, accuracy = found.rows[largest]
    assert found.dots[largest].x == pytest.approx(100 * confidence, abs=0.1)
    assert found.dots[largest].y == pytest.approx(100 - 100 * accuracy, abs=0.1)


BROKEN = [None, 3, [], {"roc": 1, "reliability": 2}]
BROKEN += [
    {"roc": {"false_positive": [0, 1], "true_positive": {"mel": rates}}}
    for rates in (None, [0], [0, 2], [0, "x"], [0, 0.5, 1])
]
BROKEN += [{"roc": {"false_positive": [1, 0], "true_positive": {"mel": [0, 1]}}}]
BROKEN += [
    {"reliability": bins}
    for bins in (
        [],
        [1],
        [{"images": 0, "confidence": 0.5, "accuracy": 0.5}],
        [{"images": 3, "confidence": 0.5}],
    )
]


@pytest.mark.parametrize("curves", BROKEN, ids=range(len(BROKEN)))
def test_curves_of_another_shape_are_left_out(curves: Any) -> None:
    known = manifest()
    known["metrics"] = known["metrics"] | {"curves": curves}
    assert roc_curves(known) == []
    assert reliability(known) is None


@pytest.mark.django_db
def test_the_page_draws_them_with_a_table_behind_each() -> None:
    model = ModelVersionFactory(manifest=measured())
    browser = Client()
    browser.force_login(doctor(HospitalFactory()))
    shown = browser.get(reverse("model", args=[model.pk])).content.decode()
    assert shown.count("<polyline") == 8
    assert shown.count("As a table") == 2
    assert "Reliability diagram" in shown


@pytest.mark.django_db
def test_a_model_without_curves_has_none_on_its_page() -> None:
    model = ModelVersionFactory()
    browser = Client()
    browser.force_login(doctor(HospitalFactory()))
    shown = browser.get(reverse("model", args=[model.pk])).content.decode()
    assert "<polyline" not in shown
    assert "Reliability" not in shown
