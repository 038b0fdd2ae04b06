"""Overfull pages: each stays within 150 KB with its styles and scripts, pictures apart, and takes
no more queries than the same page with a little on it."""

import gzip
import re
import secrets
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clinic.models import Image
from clinic.views.paging import CARDS_A_PAGE
from diagnosis.models import DiagnosisRequest
from diagnosis.views.records import PICTURES_A_PAGE
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    PatientFactory,
    ReviewFactory,
    member,
)

pytestmark = pytest.mark.django_db
LIMIT = 150 * 1024
ASSET = re.compile(r'(?:href|src)="/static/([^"]+\.(?:css|js|svg))"')
# long, but of the length that people have
NAMES = {"given_name": "Maximiliane Alexandra", "family_name": "von Hohenstein-Lichtenberg"}


@pytest.fixture
def hospital():
    return ModelPolicyFactory(
        hospital=HospitalFactory(name="Hospital of the Upper Valley")
    ).hospital


@pytest.fixture
def page(hospital):
    browser = Client()
    browser.force_login(member(hospital, "doctor", "administrator", **people()))
    return browser


def people() -> dict[str, str]:
    return {"first_name": NAMES["given_name"], "last_name": NAMES["family_name"]}


@pytest.fixture
def read(hospital):
    """One reading with a signed review, from which the others are copied."""
    patient = PatientFactory(hospital=hospital, **NAMES)
    image = ImageFactory(lesion__patient=patient, lesion__body_view="front", **place(0))
    row = DiagnosisRequestFactory(image=image, succeeded=True)
    ReviewFactory(request=row, signed=True, management="monitor", conclusion="melanoma")
    return row


def place(number: int) -> dict[str, float]:
    return {f"lesion__{name}": value for name, value in point(number).items()}


def point(number: int) -> dict[str, float]:
    return {"body_x": 0.3 + number % 7 * 0.05, "body_y": 0.1 + number % 17 * 0.04}


def grow(read: DiagnosisRequest, *, lesions: int, images: int, readings: int) -> None:
    """More of the same patient: so many new lesions, and images spread over all of them."""
    first = read.image
    patient = first.lesion.patient
    found = [first.lesion]
    for number in range(lesions):
        found.append(
            LesionFactory(patient=patient, laterality="left", body_view="back", **point(number))
        )
    names = ("image_type", "file", "thumbnail", "media_type", "byte_size", "width", "height")
    facts = {name: getattr(first, name) for name in (*names, "quality", "hospital", "uploaded_by")}
    copies = Image.objects.bulk_create(
        Image(lesion=found[n % len(found)], sha256=secrets.token_hex(32), **facts)
        for n in range(images)
    )
    for image in copies[:readings]:
        DiagnosisRequestFactory(image=image, model_version=read.model_version, succeeded=True)


def transferred(html: str) -> int:
    """Bytes of the page as we send it, and of its assets as they are sent: compressed."""
    assets = {finders.find(name) for name in ASSET.findall(html)}
    assert len(assets) > 5
    return len(html.encode()) + sum(len(gzip.compress(Path(path).read_bytes())) for path in assets)


def ask(page: Client, address: str) -> tuple[int, int, str]:
    """Queries, bytes and the page itself."""
    page.get(address)
    with CaptureQueriesContext(connection) as captured:
        response = page.get(address)
    assert response.status_code == 200
    html = response.content.decode()
    return len(captured), transferred(html), html


def test_a_patient_with_sixty_lesions_and_five_hundred_images(page, read) -> None:
    address = reverse("patient", args=[read.image.lesion.patient_id])
    few, _, _ = ask(page, address)
    grow(read, lesions=59, images=499, readings=60)
    many, size, html = ask(page, address)
    assert html.count('<article class="card"') == CARDS_A_PAGE
    assert "Page 1 of 2" in html
    assert many == few
    assert size < LIMIT


def test_a_lesion_with_five_hundred_images(page, read) -> None:
    address = reverse("lesion", args=[read.image.lesion_id])
    grow(read, lesions=0, images=3, readings=1)
    few, _, _ = ask(page, address)
    grow(read, lesions=0, images=496, readings=30)
    first = read.image
    many, size, html = ask(page, address)
    assert html.count('<article class="picture-row"') == PICTURES_A_PAGE
    assert "Page 1 of 20" in html
    assert many == few
    assert size < LIMIT

    # the oldest picture: named by the address, and offered to be compared with
    shown = page.get(address, {"picture": str(first.pk)}).content.decode()
    assert f'id="image-{first.pk}"' in shown
    assert "Page 20 of 20" in shown
    assert f'<option value="{first.pk}"' in shown


@pytest.mark.parametrize("name", ["worklist", "hospital-report", "audit-log", "patients"])
def test_a_full_list(page, read, name: str) -> None:
    grow(read, lesions=5, images=30, readings=30)
    for number in range(30):
        PatientFactory(hospital=read.hospital, medical_record_number=f"N-{number}", **NAMES)
        page.get(reverse("patient", args=[read.image.lesion.patient_id]))
    _, size, html = ask(page, reverse(name))
    assert html.count("<tr") >= 26
    assert size < LIMIT
