"""Readings through the API: ordered, shown, filtered, reviewed, cancelled."""

import datetime
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from clinic.models import AuditEvent
from diagnosis.models import DiagnosisRequest, Priority, Review
from tests.api_client import API, assert_problem, client, count_queries, stored
from tests.factories import (
    LABELS,
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    ReviewFactory,
    doctor,
    jpeg_bytes,
    spread,
)

pytestmark = pytest.mark.django_db
DIAGNOSES = f"{API}/diagnoses/"
COME_AGAIN = (timezone.localdate() + datetime.timedelta(days=90)).isoformat()
FIELDS = [
    "id",
    "status",
    "priority",
    "image",
    "lesion",
    "patient",
    "hospital",
    "model",
    "requested_by",
    "created_at",
    "started_at",
    "finished_at",
    "failure",
    "prediction",
    "review",
    "entered_in_error",
]
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def hospital():
    hospital = HospitalFactory()
    ModelPolicyFactory(hospital=hospital)
    return hospital


@pytest.fixture
def user(hospital):
    return doctor(hospital, first_name="Sample", last_name="Doctor")


@pytest.fixture
def api(user):
    return client(user)


@pytest.fixture
def image(hospital, user):
    return ImageFactory(lesion__patient__hospital=hospital, uploaded_by=user)


# Ordering -----------------------------------------------------------------------------------------


def test_a_stored_image_is_ordered(api, image, user, hospital) -> None:
    response = api.post(DIAGNOSES, {"image": str(image.pk)})
    body = response.json()
    assert response.status_code == 202
    assert list(body) == FIELDS
    assert body | {"id": None, "created_at": None} == {
        "id": None,
        "status": "queued",
        "priority": "interactive",
        "image": str(image.pk),
        "lesion": str(image.lesion_id),
        "patient": str(image.lesion.patient_id),
        "hospital": str(hospital.pk),
        "model": {
            "id": str(hospital.model_policy.model_version_id),
            "name": "sample",
            "version": hospital.model_policy.model_version.version,
        },
        "requested_by": str(user.pk),
        "created_at": None,
        "started_at": None,
        "finished_at": None,
        "failure": None,
        "prediction": None,
        "review": None,
        "entered_in_error": None,
    }
    assert response["Location"].endswith(f"{DIAGNOSES}{body['id']}/")
    assert api.get(response["Location"]).json() == body
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.object_id) == ("view_request", body["id"])


def test_the_bell_rings_when_the_order_is_committed(
    api, image, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    rung = []
    monkeypatch.setattr("diagnosis.services.requests.ring_bell", lambda: rung.append(1))
    with django_capture_on_commit_callbacks(execute=True):
        api.post(DIAGNOSES, {"image": str(image.pk)}, HTTP_IDEMPOTENCY_KEY="k")
        assert not rung
    assert rung == [1]


def test_an_upload_is_ordered_by_a_chosen_model(api, hospital) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    model = ModelVersionFactory()
    response = api.post(
        DIAGNOSES,
        {
            "lesion": str(lesion.pk),
            "file": SimpleUploadedFile("a.jpg", jpeg_bytes()),
            "model": str(model.pk),
            "priority": "bulk",
            "image_type": "clinical: close-up",
        },
        format="multipart",
    )
    body = response.json()
    assert response.status_code == 202
    assert (body["priority"], body["model"]["id"]) == ("bulk", str(model.pk))
    request = DiagnosisRequest.objects.get(pk=body["id"])
    assert (request.priority, request.image.lesion) == (Priority.BULK, lesion)
    assert request.image.image_type == "clinical: close-up"


def test_an_image_may_be_named_in_a_form(api, image) -> None:
    response = api.post(DIAGNOSES, {"image": str(image.pk)}, format="multipart")
    assert response.status_code == 202


BAD_ORDERS: list[tuple[dict[str, Any], int, str, tuple[str, ...]]] = [
    ({"image": None}, 400, "invalid", ("image",)),
    ({"image": UNKNOWN}, 404, "not_found", ("image",)),
    ({"image": "nonsense"}, 404, "not_found", ("image",)),
    ({"model": UNKNOWN}, 404, "not_found", ("model",)),
    ({"model": "nonsense"}, 404, "not_found", ("model",)),
    ({"priority": "urgent"}, 400, "invalid", ("priority",)),
    ({"priority": 0}, 400, "invalid", ("priority",)),
    ({"lesion": UNKNOWN}, 400, "invalid", ("image", "file")),
]


@pytest.mark.parametrize(("fields", "status", "code", "names"), BAD_ORDERS)
def test_a_bad_order_is_refused(api, image, media, fields, status, code, names) -> None:
    before = stored(media)
    assert_problem(api.post(DIAGNOSES, {"image": str(image.pk)} | fields), status, code, *names)
    assert stored(media) == before


def test_an_order_for_nothing_is_refused(api) -> None:
    assert_problem(api.post(DIAGNOSES, {}), 400, "invalid", "image", "file")
    body = {"lesion": UNKNOWN}
    assert_problem(api.post(DIAGNOSES, body), 400, "invalid", "file")


def test_a_reading_that_waits_is_not_ordered_again(api, image) -> None:
    api.post(DIAGNOSES, {"image": str(image.pk)})
    assert_problem(api.post(DIAGNOSES, {"image": str(image.pk)}), 409, "request_open")
    assert DiagnosisRequest.objects.count() == 1


def test_without_an_active_model_nothing_is_stored(media) -> None:
    lesion = LesionFactory()
    before = stored(media)
    body = {"lesion": str(lesion.pk), "file": SimpleUploadedFile("a.jpg", jpeg_bytes())}
    api = client(doctor(lesion.patient.hospital))
    assert_problem(api.post(DIAGNOSES, body, format="multipart"), 409, "no_active_model")
    assert stored(media) == before


# Showing ------------------------------------------------------------------------------------------


def test_an_answer_is_shown_as_the_contract_draws_it(api, image) -> None:
    image.quality = image.quality | {"warnings": ["blurred"]}
    image.save()
    probabilities = spread("melanoma", 0.7)
    request = DiagnosisRequestFactory(
        image=image,
        succeeded=True,
        prediction__label="melanoma",
        prediction__probability=0.7,
        prediction__probabilities=probabilities,
    )
    body = api.get(f"{DIAGNOSES}{request.pk}/").json()
    prediction = body["prediction"]
    assert list(body) == FIELDS
    assert body["status"] == "succeeded"
    for field in ("created_at", "started_at", "finished_at"):
        assert body[field].endswith("Z")
    assert prediction["label"] == "melanoma"
    assert prediction["probability"] == 0.7
    assert prediction["probabilities"] == probabilities
    assert abs(sum(prediction["probabilities"].values()) - 1) < 1e-6
    assert set(prediction["probabilities"]) == set(LABELS)
    assert prediction["malignancy_probability"] == pytest.approx(0.8)
    assert (prediction["set"], prediction["uncertain"]) == (["melanoma"], False)
    assert prediction["risk"] == "high"
    assert prediction["recommendation"].startswith("Suspicious.")
    assert [warning["code"] for warning in prediction["warnings"]] == ["blurred"]
    assert prediction["ranked"][0] == {
        "label": "melanoma",
        "name": "Melanoma",
        "probability": 0.7,
        "malignant": True,
    }
    assert len(prediction["ranked"]) == len(LABELS)


@pytest.mark.parametrize(
    ("trait", "code"), [("failed", "prediction_error"), ("rejected", "not_a_lesion")]
)
def test_a_failure_is_a_code_and_a_sentence(api, image, trait: str, code: str) -> None:
    request = DiagnosisRequestFactory(image=image, **{trait: True})
    body = api.get(f"{DIAGNOSES}{request.pk}/").json()
    assert (body["status"], body["failure"]["code"]) == (trait, code)
    assert body["failure"]["message"].endswith(".")
    assert body["prediction"] is None


def test_times_are_in_utc_whatever_the_server_shows(api, image, settings) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    request = DiagnosisRequestFactory(image=image, cancelled=True, created_at=moment)
    with timezone.override("Asia/Tokyo"):
        body = api.get(f"{DIAGNOSES}{request.pk}/").json()
    assert body["created_at"] == "2026-01-02T03:04:05Z"


# Filtering ----------------------------------------------------------------------------------------


def test_filters(api, image, user) -> None:
    day = datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.UTC)
    waiting = DiagnosisRequestFactory(image=image, created_at=day)
    nevus = DiagnosisRequestFactory(
        image=ImageFactory(lesion=image.lesion, uploaded_by=user),
        succeeded=True,
        created_at=day + datetime.timedelta(days=1),
    )
    melanoma = DiagnosisRequestFactory(
        image=ImageFactory(lesion__patient__hospital=waiting.hospital, uploaded_by=user),
        succeeded=True,
        prediction__label="melanoma",
        created_at=day + datetime.timedelta(days=2),
    )
    ReviewFactory(request=nevus, signed=True)
    ReviewFactory(request=melanoma)
    DiagnosisRequestFactory(succeeded=True)

    def found(query: str) -> list[DiagnosisRequest]:
        rows = api.get(f"{DIAGNOSES}?{query}").json()["results"]
        return [DiagnosisRequest.objects.get(pk=row["id"]) for row in rows]

    assert found("") == [melanoma, nevus, waiting]
    assert found("ordering=created_at") == [waiting, nevus, melanoma]
    assert found("ordering=-malignancy_probability") == [melanoma, nevus, waiting]
    assert found("status=queued") == [waiting]
    assert found("status=succeeded&label=nevus") == [nevus]
    assert found(f"hospital={waiting.hospital_id}") == [melanoma, nevus, waiting]
    assert found(f"patient={image.lesion.patient_id}") == [nevus, waiting]
    assert found(f"lesion={image.lesion_id}") == [nevus, waiting]
    assert found(f"image={image.pk}") == [waiting]
    assert found("reviewed=true") == [nevus]
    assert found("reviewed=false") == [melanoma, waiting]
    assert found("from=2026-01-11") == [melanoma, nevus]
    assert found("to=2026-01-11") == [nevus, waiting]
    assert found("from=2026-01-11&to=2026-01-11") == [nevus]
    assert found("status=&label=&reviewed=") == [melanoma, nevus, waiting]


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("status=done", 400, "invalid", "status"),
        ("label=wart", 400, "unknown_label", "label"),
        ("reviewed=perhaps", 400, "invalid", "reviewed"),
        ("from=yesterday", 400, "invalid", "from"),
        ("from=2026-02-01&to=2026-01-01", 400, "period_reversed", "to"),
        ("ordering=label", 400, "invalid", "ordering"),
        ("hospital=nonsense", 404, "not_found", "hospital"),
        (f"patient={UNKNOWN}", 404, "not_found", "patient"),
    ],
)
def test_a_filter_that_makes_no_sense(api, query: str, status: int, code: str, field: str) -> None:
    assert_problem(api.get(f"{DIAGNOSES}?{query}"), status, code, field)


@pytest.mark.parametrize("query", ["", "?ordering=-malignancy_probability", "?reviewed=true"])
def test_a_list_takes_the_same_queries_for_one_row_and_for_twenty(api, image, query: str) -> None:
    ReviewFactory(request__image=image, signed=True)
    one = count_queries(api, f"{DIAGNOSES}{query}")
    for _row in range(19):
        ReviewFactory(request__image=image, signed=True)
    assert len(api.get(f"{DIAGNOSES}{query}").json()["results"]) == 20
    assert count_queries(api, f"{DIAGNOSES}{query}") == one


# Reviewing ----------------------------------------------------------------------------------------


@pytest.fixture
def read(image):
    return DiagnosisRequestFactory(image=image, succeeded=True)


def review(api, request, **fields: Any):
    body = {"conclusion": "nevus", "management": "monitor"} | fields
    return api.post(f"{DIAGNOSES}{request.pk}/review/", body)


def test_a_review_is_signed(api, read, user) -> None:
    response = review(api, read, notes="come again", signed=True, recall_on=COME_AGAIN)
    body = response.json()
    assert response.status_code == 201
    assert body["signed_at"].endswith("Z")
    assert body | {"id": None, "signed_at": None} == {
        "id": None,
        "conclusion": "nevus",
        "management": "monitor",
        "notes": "come again",
        "recall_on": COME_AGAIN,
        "signed": True,
        "signed_by": str(user.pk),
        "signed_by_name": "Sample Doctor",
        "signed_at": None,
        "amends": None,
        "agrees": True,
    }
    assert response["Location"].endswith(f"{DIAGNOSES}{read.pk}/")
    assert api.get(response["Location"]).json()["review"] == body


def test_a_draft_is_saved_over_and_then_signed(api, read) -> None:
    first = review(api, read, conclusion="melanoma").json()
    assert (first["signed"], first["signed_by"], first["agrees"]) == (False, None, False)
    second = review(api, read, signed=True).json()
    assert (second["id"], second["signed"]) == (first["id"], True)
    assert Review.objects.count() == 1


def test_a_signed_review_is_amended_by_name(api, read) -> None:
    first = review(api, read, signed=True).json()
    assert_problem(review(api, read, signed=True), 409, "already_signed")
    second = review(api, read, conclusion="melanoma", signed=True, amends=first["id"]).json()
    assert second["amends"] == first["id"]
    assert api.get(f"{DIAGNOSES}{read.pk}/").json()["review"]["id"] == second["id"]
    assert_problem(review(api, read, signed=True, amends=first["id"]), 409, "already_signed")


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"conclusion": "wart"}, 400, "unknown_conclusion", "conclusion"),
        ({"conclusion": ""}, 400, "invalid", "conclusion"),
        ({"conclusion": None}, 400, "invalid", "conclusion"),
        ({"management": "wait"}, 400, "unknown_management", "management"),
        ({"notes": "x" * 5001}, 400, "notes_too_long", "notes"),
        ({"notes": "a\x00"}, 400, "invalid", "notes"),
        ({"signed": "perhaps"}, 400, "invalid", "signed"),
        ({"amends": UNKNOWN}, 404, "not_found", "amends"),
        ({"amends": "nonsense"}, 404, "not_found", "amends"),
    ],
)
def test_a_bad_review_is_refused(api, read, fields, status, code, field) -> None:
    assert_problem(review(api, read, **fields), status, code, field)
    assert not Review.objects.exists()


def test_a_review_of_another_request_is_not_amended(api, read) -> None:
    other = ReviewFactory(request__image=read.image, signed=True)
    response = review(api, read, signed=True, amends=str(other.pk))
    assert_problem(response, 404, "not_found", "amends")


def test_what_waits_is_not_reviewed(api, image) -> None:
    request = DiagnosisRequestFactory(image=image)
    assert_problem(review(api, request, signed=True), 409, "not_read_yet")


def test_what_failed_may_be_reviewed(api, image) -> None:
    request = DiagnosisRequestFactory(image=image, failed=True)
    assert review(api, request, signed=True).json()["agrees"] is None


# Cancelling ---------------------------------------------------------------------------------------


def test_an_order_that_waits_is_cancelled(api, image) -> None:
    request = DiagnosisRequestFactory(image=image)
    response = api.post(f"{DIAGNOSES}{request.pk}/cancel/")
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert response.json()["finished_at"]
    assert_problem(api.post(f"{DIAGNOSES}{request.pk}/cancel/"), 409, "not_waiting")


def test_what_runs_is_not_cancelled(api, image) -> None:
    request = DiagnosisRequestFactory(image=image, running=True)
    assert_problem(api.post(f"{DIAGNOSES}{request.pk}/cancel/"), 409, "not_waiting")
    assert json.loads(api.get(f"{DIAGNOSES}{request.pk}/").content)["status"] == "running"
