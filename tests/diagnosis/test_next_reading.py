"""After a signature the page leads to the next reading; a slip with a picture is told."""

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from clinic.models import AuditEvent, Lesion, Patient
from diagnosis.models import Batch
from diagnosis.services.batches import add_file
from diagnosis.services.worklist import next_to_review
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ModelPolicyFactory,
    ReviewFactory,
    doctor,
    jpeg_bytes,
    member,
    spread,
)

pytestmark = pytest.mark.django_db
LINK = "data-next"


@pytest.fixture
def hospital():
    return ModelPolicyFactory(hospital=HospitalFactory(name="Alpha")).hospital


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def page(user) -> Client:
    found = Client()
    found.force_login(user)
    return found


def answered(hospital, melanoma: float, **fields):
    return DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital,
        succeeded=True,
        prediction__probabilities=spread("melanoma", melanoma),
        prediction__malignancy_probability=melanoma,
        **fields,
    )


def shown(page: Client, row) -> str:
    return page.get(reverse("diagnosis", args=[row.pk])).content.decode()


def test_the_riskiest_that_waits_is_next(page, user, hospital) -> None:
    answered(hospital, 0.3)
    riskiest = answered(hospital, 0.9)
    answered(HospitalFactory(), 0.95)
    DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    ReviewFactory(request=answered(hospital, 0.99), signed=True)
    assert next_to_review(user, hospital.pk) == riskiest.pk
    done = ReviewFactory(request=answered(hospital, 0.5), signed=True).request
    html = shown(page, done)
    assert LINK in html
    assert f'data-next href="{reverse("diagnosis", args=[riskiest.pk])}"' in html
    # before the signature nothing leads away from it
    assert LINK not in shown(page, riskiest)


def test_where_nothing_waits_it_says_so(page, hospital) -> None:
    done = ReviewFactory(request=answered(hospital, 0.5), signed=True).request
    html = shown(page, done)
    assert LINK not in html
    assert "No other reading waits for a review." in html


def test_who_may_not_review_is_led_nowhere(hospital) -> None:
    done = ReviewFactory(request=answered(hospital, 0.5), signed=True).request
    answered(hospital, 0.9)
    reader = Client()
    reader.force_login(member(hospital, "administrator"))
    html = shown(reader, done)
    assert LINK not in html
    assert "No other reading" not in html


@pytest.mark.parametrize(
    ("name", "label"),
    [("Arm left 3.JPG", "Arm left 3"), ("a\u202eb.jpg", "ab"), ("x" * 140 + ".jpg", "x" * 100)],
)
def test_a_lesion_of_a_batch_is_known_by_its_file(user, hospital, name: str, label: str) -> None:
    waiting = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    patient = waiting.image.lesion.patient
    batch = Batch.objects.create(
        patient=patient,
        hospital=hospital,
        created_by=user,
        model_version=waiting.model_version,
    )
    file = SimpleUploadedFile(name, jpeg_bytes(seed=5))
    add_file(actor=user, batch=batch, file=file, name=name, key="k")
    assert Lesion.objects.latest("created_at").label == label


def test_the_same_picture_for_another_lesion_is_told(page, hospital) -> None:
    def send(number: str = "M-1", **known: str) -> list[str]:
        file = SimpleUploadedFile("photo.jpg", jpeg_bytes(seed=7))
        fields = {"medical_record_number": number, "sex": "female", "image_type": "dermoscopic"}
        fields |= {"file": file, "anatom_site": "head/neck"} | known
        sent = page.post(reverse("diagnosis-create"), fields)
        assert sent.status_code == 302, sent.content.decode()
        return [str(message) for message in get_messages(sent.wsgi_request)]

    assert send() == []
    (told,) = send(known=str(Patient.objects.get().pk))
    assert told.startswith("This picture was recorded for the patient before: 1 · Head or neck, ")
    told = send("M-2")[-1]
    assert told.startswith("This picture was recorded for another patient before: M-1, ")
    looked_at = AuditEvent.objects.filter(action="view_patient")
    assert looked_at.latest("id").object_id == str(Patient.objects.earliest("created_at").pk)
