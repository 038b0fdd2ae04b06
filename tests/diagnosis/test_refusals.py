"""A picture that is no lesion, or unlike all that the model knows, is said to be so in words, with
what to do, wherever its answer would stand."""

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from PIL import Image as PillowImage
from PIL import ImageDraw

from clinic.models import Scope
from diagnosis.inference import Reader, read_checkpoint
from diagnosis.models import DiagnosisRequest, ImageFeatures, Status
from diagnosis.services.model_versions import register_model
from tests.api_client import API, client
from tests.factories import (
    DiagnosisRequestFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    doctor,
    image_bytes,
    manifest,
)

pytestmark = pytest.mark.django_db

STARTER = Path(django_settings.BASE_DIR) / "ml" / "checkpoints" / "starter"


def invoice() -> bytes:
    """What a phone photographs by mistake: lines of text on white paper."""
    page = PillowImage.new("RGB", (640, 480), "white")
    pen, noise = ImageDraw.Draw(page), np.random.default_rng(3)
    for line in range(15):
        pen.text((20, 20 + 28 * line), "INVOICE 2026 total 123.45 EUR " * 3, fill="black")
    for _ in range(30):
        ends = [tuple(map(int, noise.integers(0, side, 2))) for side in (640, 480)]
        pen.line(ends, fill=tuple(map(int, noise.integers(0, 255, 3))), width=5)
    return image_bytes(page, "PNG")


def shown(row: DiagnosisRequest, name: str, *arguments: object) -> str:
    browser = Client()
    browser.force_login(doctor(row.hospital))
    response = browser.get(reverse(name, args=arguments))
    assert response.status_code == 200
    return response.content.decode()


def everywhere(row: DiagnosisRequest) -> list[str]:
    """The pages where the row's answer stands beside others."""
    lesion = row.image.lesion
    return [
        shown(row, "worklist"),
        shown(row, "lesion", lesion.pk),
        shown(row, "patient", lesion.patient_id),
    ]


def test_the_starter_refuses_what_is_no_lesion() -> None:
    """By the shipped model: no answer, no features, and words instead."""
    raw, card = read_checkpoint(STARTER)
    model = register_model(actor=None, folder=STARTER, manifest=raw, card=card)
    image = ImageFactory(lesion=LesionFactory(), content=invoice(), name="page.png")
    row = DiagnosisRequestFactory(image=image, model_version=model)
    reader = Reader()
    reader.drain(seconds=60)
    reader.decoders.shutdown()
    row.refresh_from_db()
    assert (row.status, row.failure_code) == (Status.REJECTED, "not_a_lesion")
    assert not ImageFeatures.objects.exists()

    body = client(doctor(row.hospital), Scope.READ).get(f"{API}/diagnoses/{row.pk}/").json()
    assert (body["status"], body["prediction"]) == ("rejected", None)
    assert body["failure"]["code"] == "not_a_lesion"
    assert "take it again" in body["failure"]["message"]


def test_every_page_says_what_to_do_with_a_refused_picture() -> None:
    row = DiagnosisRequestFactory(rejected=True)
    answer = shown(row, "diagnosis", row.pk)
    assert "does not look like a skin lesion" in answer
    assert "ask a dermatologist" in answer
    # a new picture first: the same one would be refused again
    again = reverse("diagnosis-create") + f"?lesion={row.image.lesion_id}"
    assert answer.index(f'primary" href="{again}"') < answer.index("Order again")
    ModelPolicyFactory(hospital=row.hospital, model_version=row.model_version)
    assert "Order again" not in shown(row, "diagnosis", row.pk)
    for page in everywhere(row):
        assert "Not readable as a lesion" in page
    # in the rows of the worklist the state alone
    for page in everywhere(row)[1:]:
        assert "ask a dermatologist" in page
    assert "No reading yet." not in shown(row, "lesion", row.image.lesion_id)


def unlike(score: float) -> DiagnosisRequest:
    model = ModelVersionFactory(manifest=manifest(refusal={"not_a_lesion": 5, "unfamiliar": 2}))
    return DiagnosisRequestFactory(
        model_version=model, succeeded=True, prediction__outlier_score=score
    )


def test_an_unfamiliar_picture_is_marked_before_its_answer() -> None:
    row = unlike(3.0)
    answer = shown(row, "diagnosis", row.pk)
    warning = answer.index("unlike most that the model has seen")
    assert warning < answer.index('class="answer-class"')
    assert "Take it again, or ask a dermatologist." in answer
    for page in everywhere(row):
        assert "Unlike what the model has seen: read with care." in page


def test_a_lesion_that_is_cut_off_is_told_before_its_answer() -> None:
    model = ModelVersionFactory(manifest=manifest(outline={"cut_off": 0.3}))
    row = DiagnosisRequestFactory(model_version=model, succeeded=True, prediction__edge_share=0.5)
    answer = shown(row, "diagnosis", row.pk)
    assert answer.index("beyond what the model sees") < answer.index('class="answer-class"')
    assert "Put the whole lesion into the middle" in answer
    body = client(doctor(row.hospital), Scope.READ).get(f"{API}/diagnoses/{row.pk}/").json()
    assert [warning["code"] for warning in body["prediction"]["warnings"]] == ["cut_off"]


def test_a_familiar_picture_is_not_marked() -> None:
    row = unlike(1.0)
    for page in [shown(row, "diagnosis", row.pk), *everywhere(row)]:
        assert "nlike" not in page
