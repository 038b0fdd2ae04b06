"""A POST with an Idempotency-Key is done once."""

import datetime
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from clinic.models import IdempotencyKey, Image, Membership, Patient
from clinic.services import idempotency
from diagnosis.models import DiagnosisRequest, Review
from tests.api_client import API, assert_problem, client, stored
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    LesionFactory,
    ModelPolicyFactory,
    doctor,
    jpeg_bytes,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db
PATIENTS = f"{API}/patients/"
PATIENT = {"medical_record_number": "N-1"}


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def api(user):
    return client(user)


def post(api, path: str, body: dict[str, Any], key: str = "first", **options: Any):
    return api.post(path, body, HTTP_IDEMPOTENCY_KEY=key, **options)


def assert_same(first, second) -> None:
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.get("Location") == first.get("Location")
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"


def test_a_repetition_gets_the_first_answer(api) -> None:
    first = post(api, PATIENTS, PATIENT)
    assert first.status_code == 201
    assert_same(first, post(api, PATIENTS, PATIENT))
    assert Patient.objects.count() == 1


def test_another_key_is_another_request(api) -> None:
    post(api, PATIENTS, PATIENT)
    again = post(api, PATIENTS, PATIENT, "second")
    assert_problem(again, 409, "duplicate_medical_record_number", "medical_record_number")


def test_keys_of_two_users_do_not_meet(api, hospital) -> None:
    post(api, PATIENTS, PATIENT)
    other = post(client(doctor(hospital)), PATIENTS, {"medical_record_number": "N-2"})
    assert other.status_code == 201


def test_the_same_key_for_something_else_is_refused(api, hospital) -> None:
    post(api, PATIENTS, PATIENT)
    other = PATIENT | {"sex": "male"}
    assert_problem(post(api, PATIENTS, other), 409, "idempotency_key_reused")
    assert_problem(post(api, f"{API}/lesions/", PATIENT), 409, "idempotency_key_reused")


def test_uploads_are_compared_by_their_bytes(api, hospital) -> None:
    lesion = LesionFactory(patient__hospital=hospital)

    def upload(content: bytes):
        file = SimpleUploadedFile("a.jpg", content)
        body = {"lesion": str(lesion.pk), "file": file}
        return post(api, f"{API}/images/", body, format="multipart")

    first = upload(jpeg_bytes(seed=1))
    assert first.status_code == 201
    assert_same(first, upload(jpeg_bytes(seed=1)))
    assert_problem(upload(jpeg_bytes(seed=2)), 409, "idempotency_key_reused")
    assert Image.objects.count() == 1


def test_an_order_is_placed_once(api, hospital) -> None:
    ModelPolicyFactory(hospital=hospital)
    lesion = LesionFactory(patient__hospital=hospital)
    answers = [
        post(
            api,
            f"{API}/diagnoses/",
            {"lesion": str(lesion.pk), "file": SimpleUploadedFile("a.jpg", jpeg_bytes())},
            format="multipart",
        )
        for _repetition in range(3)
    ]
    assert answers[0].status_code == 202
    assert_same(answers[0], answers[2])
    assert DiagnosisRequest.objects.count() == 1


def test_a_review_is_signed_once(api, hospital) -> None:
    request = DiagnosisRequestFactory(succeeded=True, image__lesion__patient__hospital=hospital)
    body = {"conclusion": "nevus", "management": "none", "signed": True}
    first = post(api, f"{API}/diagnoses/{request.pk}/review/", body)
    assert_same(first, post(api, f"{API}/diagnoses/{request.pk}/review/", body))
    assert Review.objects.count() == 1


def test_a_failure_is_not_remembered(api, hospital, media) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    before = stored(media)

    def order():
        body = {"lesion": str(lesion.pk), "file": SimpleUploadedFile("a.jpg", jpeg_bytes())}
        return post(api, f"{API}/diagnoses/", body, format="multipart")

    assert_problem(order(), 409, "no_active_model")
    assert stored(media) == before
    assert not IdempotencyKey.objects.exists()
    ModelPolicyFactory(hospital=hospital)
    assert order().status_code == 202


def test_an_error_of_ours_is_not_remembered(api, monkeypatch) -> None:
    def create(**_fields: object) -> None:
        raise RuntimeError

    api.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("clinic.api.patients.create_patient", create)
        assert_problem(post(api, PATIENTS, PATIENT), 500, "internal_error")
    assert post(api, PATIENTS, PATIENT).status_code == 201


def test_a_request_that_still_runs_is_not_begun_again(api, user) -> None:
    post(api, PATIENTS, PATIENT)
    IdempotencyKey.objects.update(status=None)
    response = post(api, PATIENTS, PATIENT)
    assert_problem(response, 409, "idempotency_in_progress")
    assert response["Retry-After"] == "1"


def test_what_a_killed_process_left_is_taken_over_once(user) -> None:
    lost = idempotency.begin(actor=user, key="k", digest="d")
    long_ago = timezone.now() - idempotency.ABANDONED - datetime.timedelta(seconds=1)
    IdempotencyKey.objects.update(claimed_at=long_ago)
    claim = idempotency.begin(actor=user, key="k", digest="d")
    assert isinstance(claim, uuid.UUID)
    # the first was slow, not dead: it must roll back
    with pytest.raises(idempotency.RetryError):
        idempotency.finish(claim=lost, answer=idempotency.Answer(201, "{}", ""))
    answer = idempotency.Answer(201, "{}", "")
    idempotency.finish(claim=claim, answer=answer)
    assert idempotency.begin(actor=user, key="k", digest="d") == answer


def test_a_key_lives_for_a_day(api) -> None:
    post(api, PATIENTS, PATIENT)
    IdempotencyKey.objects.update(expires_at=timezone.now())
    post(api, PATIENTS, {"medical_record_number": "N-2"}, "second")
    assert [row.key for row in IdempotencyKey.objects.all()] == ["second"]
    assert post(api, PATIENTS, {"medical_record_number": "N-3"}).status_code == 201


def test_who_left_the_hospital_gets_no_answer_again(api, user) -> None:
    post(api, PATIENTS, PATIENT)
    Membership.objects.filter(user=user).delete()
    assert_problem(post(api, PATIENTS, PATIENT), 409, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x7fb"])
def test_a_key_in_bad_shape_is_refused(api, key: str) -> None:
    assert_problem(post(api, PATIENTS, PATIENT, key), 400, "invalid_idempotency_key")


def test_a_token_is_never_remembered(api, user) -> None:
    user.set_password("a long enough password")
    user.save()
    body = {"username": user.username, "password": "a long enough password"}
    first, second = (post(client(), f"{API}/tokens/", body) for _repetition in range(2))
    assert first.json()["token"] != second.json()["token"]
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_is_done(hospital, user) -> None:
    needs_postgresql()
    apis = [client(user), client(user), client(user)]
    answers = together(*(lambda api=api: post(api, PATIENTS, PATIENT) for api in apis))
    assert Patient.objects.count() == 1
    codes = {answer.status_code for answer in answers}
    assert codes <= {201, 409}
    assert 201 in codes
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "idempotency_in_progress")
