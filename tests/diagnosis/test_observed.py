"""Beside a figure of malignancy stands what pictures with such figures turned out to be."""

import pytest
from django.test import Client
from django.urls import reverse

from diagnosis.observed import Observed, observed
from diagnosis.services.shares import Share
from tests.factories import DiagnosisRequestFactory, doctor

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


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("least", "largest", "said"),
    [(0.006, 0.0134, "with 1%:"), (0.001, 0.004, "with &lt;1%:"), (0.006, 0.3, "with 1% to 30%:")],
)
def test_a_range_whose_ends_read_the_same_is_said_once(
    least: float, largest: float, said: str
) -> None:
    row = DiagnosisRequestFactory(succeeded=True)
    tenth = {"least": least, "largest": largest, "images": 101, "malignant": 0}
    row.model_version.manifest["metrics"] = {"curves": {"malignancy": [tenth]}}
    row.model_version.save()
    browser = Client()
    browser.force_login(doctor(row.hospital))
    page = browser.get(reverse("diagnosis", args=[row.pk])).content.decode()
    assert f"Malignant among 101 test pictures {said} 0 (95% interval" in page
