"""Which stylesheets a page loads: what every page needs, its own, and what paper needs last."""

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import DiagnosisRequestFactory, ModelPolicyFactory, doctor

ROOT = Path(__file__).resolve().parents[1]
EVERYWHERE = ["tokens", "base", "components", "forms", "tables"]


def linked(html: str) -> list[str]:
    return re.findall(r'<link rel="stylesheet" href="[^"]*css/(\w+)[^"]*"', html)


def test_every_stylesheet_is_loaded_by_a_page() -> None:
    templates = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
    own = {path.stem for path in (ROOT / "static" / "css").glob("*.css")}
    assert own == set(re.findall(r"static 'css/(\w+)\.css'", templates))


def test_a_window_is_measured_in_letters() -> None:
    for path in (ROOT / "static" / "css").glob("*.css"):
        queries = [line for line in path.read_text().splitlines() if line.startswith("@media")]
        assert not [line for line in queries if "px" in line], path.name


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("worklist", ["worklist"]),
        ("diagnosis", ["viewer", "reading", "charts"]),
        ("diagnosis-create", ["new_diagnosis", "batches", "body_map"]),
        ("lesion", ["viewer", "compare", "records"]),
        ("patients", []),
    ],
)
def test_a_page_loads_its_own_before_that_of_paper(name: str, own: list[str]) -> None:
    hospital = ModelPolicyFactory().hospital
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    keys = {"diagnosis": [row.pk], "lesion": [row.image.lesion_id]}
    page = Client()
    page.force_login(doctor(hospital))

    html = page.get(reverse(name, args=keys.get(name, []))).content.decode()

    assert linked(html) == [*EVERYWHERE, *own, "print"]
