"""Batches through the API: many files at once, each with its own outcome."""

import itertools
import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from clinic.models import AuditEvent, Image, Lesion
from clinic.services import images
from clinic.services.audit import record_event
from clinic.services.entered_in_error import mark_entered_in_error
from diagnosis.api import batches
from diagnosis.models import Batch, BatchFile, DiagnosisRequest, Priority, Status
from tests.api_client import API, assert_problem, client, count_queries, stored
from tests.factories import (
    BatchFileFactory,
    DiagnosisRequestFactory,
    HospitalFactory,
    LesionFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    PredictionFactory,
    doctor,
    jpeg_bytes,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db
BATCHES = f"{API}/batches/"
COUNTS = ("queued", "running", "succeeded", "failed", "rejected", "cancelled")
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def hospital():
    return ModelPolicyFactory().hospital


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def lesion(hospital):
    return LesionFactory(patient__hospital=hospital)


def picture(name: str = "a.jpg", seed: int = 1, content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, jpeg_bytes(seed=seed) if content is None else content)


def send(api: Any, *files: SimpleUploadedFile, **fields: Any) -> Any:
    body = {name: str(value) for name, value in fields.items() if name != "key"}
    headers = {"Idempotency-Key": fields["key"]} if "key" in fields else {}
    return api.post(BATCHES, body | {"files": list(files)}, format="multipart", headers=headers)


def test_every_file_of_a_lesion_becomes_an_image_and_an_order(user, lesion) -> None:
    response = send(client(user), *(picture(f"{n}.jpg", n) for n in range(3)), lesion=lesion.pk)
    body = response.json()

    assert response.status_code == 202
    assert response["Location"].endswith(f"{BATCHES}{body['id']}/")
    assert {name: body[name] for name in ("total", *COUNTS)} == {
        "total": 3,
        **dict.fromkeys(COUNTS, 0),
        "queued": 3,
    }
    assert [row["name"] for row in body["results"]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert {row["lesion"] for row in body["results"]} == {str(lesion.pk)}
    assert {row.priority for row in DiagnosisRequest.objects.all()} == {Priority.BULK}
    assert client(user).get(response["Location"]).json() == body


def test_every_file_of_a_patient_is_of_a_lesion_of_its_own(user, lesion) -> None:
    patient = lesion.patient
    body = send(client(user), picture(seed=1), picture(seed=2), patient=patient.pk).json()

    assert (body["patient"], body["lesion"]) == (str(patient.pk), None)
    assert len({row["lesion"] for row in body["results"]}) == 2
    assert Lesion.objects.filter(patient=patient).count() == 3


def test_a_bad_file_loses_no_good_one(user, lesion, media) -> None:
    bad = picture("notes.jpg", content=b"this is no picture")
    empty = picture("empty.jpg", content=b"")
    body = send(client(user), picture("good.jpg"), bad, empty, lesion=lesion.pk).json()

    assert (body["total"], body["queued"], body["rejected"]) == (3, 1, 2)
    failures = {row["name"]: row["failure"] for row in body["results"] if row["failure"]}
    assert {name: failure["code"] for name, failure in failures.items()} == {
        "notes.jpg": "not_an_image",
        "empty.jpg": "empty_file",
    }
    assert all(failure["message"].endswith(".") for failure in failures.values())
    assert (Image.objects.count(), stored(media)["files"]) == (1, 2)


def test_the_same_file_twice_is_one_image(user, lesion) -> None:
    api = client(user)
    body = send(api, picture("a.jpg"), picture("copy.jpg"), patient=lesion.patient_id).json()

    assert (body["total"], body["queued"], body["rejected"]) == (2, 1, 1)
    assert body["results"][-1]["failure"]["code"] == "duplicate_in_batch"
    assert Image.objects.count() == 1


def test_a_picture_that_the_lesion_has_already_is_told(user, lesion) -> None:
    api = client(user)
    send(api, picture(), lesion=lesion.pk)
    body = send(api, picture(), picture("new.jpg", 2), lesion=lesion.pk).json()

    assert (body["queued"], body["rejected"]) == (1, 1)
    assert body["results"][-1]["failure"]["code"] == "duplicate_image"


def test_the_same_key_gets_the_first_answer(user, lesion) -> None:
    api = client(user)
    first = send(api, picture(), lesion=lesion.pk, key="k")
    again = send(api, picture(), lesion=lesion.pk, key="k")

    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert (Batch.objects.count(), Image.objects.count()) == (1, 1)
    other = send(api, picture(seed=2), lesion=lesion.pk, key="k")
    assert_problem(other, 409, "idempotency_key_reused")


def test_a_file_that_is_sent_again_is_the_one_that_is_there(user, lesion) -> None:
    """As over a line that breaks after the server has stored it, or by who begins anew."""
    api = client(user)
    address = send(api, picture(), lesion=lesion.pk)["Location"]
    for key in ("one", "one", "two"):
        response = api.post(
            f"{address}files/",
            {"file": picture("b.jpg", 2)},
            format="multipart",
            headers={"Idempotency-Key": key},
        )
        assert response.status_code == 201
        assert response.json()["total"] == 2
    assert Image.objects.count() == 2


def test_the_chosen_model_reads(user, lesion) -> None:
    model = ModelVersionFactory(name="other")
    body = send(client(user), picture(), lesion=lesion.pk, model=model.pk).json()

    assert (body["model"]["name"], body["results"][0]["model"]["name"]) == ("other", "other")


@pytest.mark.parametrize(
    ("fields", "status", "code", "wrong"),
    [
        ({}, 400, "invalid", ["lesion", "patient"]),
        ({"lesion": UNKNOWN}, 404, "not_found", ["lesion"]),
        ({"patient": "x"}, 404, "not_found", ["patient"]),
        ({"model": UNKNOWN}, 404, "not_found", ["model"]),
        ({"image_type": "x-ray"}, 400, "invalid", ["image_type"]),
        ({"lesions": UNKNOWN}, 400, "unknown_field", ["lesions"]),
    ],
)
def test_bad_fields_store_nothing(user, lesion, media, fields, status, code, wrong) -> None:
    before = stored(media)
    named = {"lesion": lesion.pk} if {"model", "image_type"} & set(fields) else {}
    assert_problem(send(client(user), picture(), **named | fields), status, code, *wrong)
    assert stored(media) == before


def test_a_batch_without_files_is_refused(user, lesion) -> None:
    assert_problem(send(client(user), lesion=lesion.pk), 400, "required", "files")


def test_a_lesion_of_another_patient_is_refused(user, lesion, hospital) -> None:
    other = LesionFactory(patient__hospital=hospital)
    response = send(client(user), picture(), lesion=lesion.pk, patient=other.patient_id)
    body = assert_problem(response, 400, "lesion_of_another_patient", "lesion")
    assert body["errors"]["lesion"] == ["The lesion is not this patient's."]
    # whose patient it is, is not told of one that the user may not see
    elsewhere = LesionFactory()
    response = send(client(user), picture(), lesion=elsewhere.pk, patient=lesion.patient_id)
    assert_problem(response, 404, "not_found", "lesion")


def test_too_many_files_are_refused(user, lesion, settings) -> None:
    settings.NEVUS_MAX_BATCH_FILES = 2
    response = send(client(user), *(picture(seed=n) for n in range(3)), lesion=lesion.pk)
    assert_problem(response, 400, "too_many_files", "files")
    assert Batch.objects.count() == 0


def test_a_body_that_is_too_large_is_refused(user, lesion, settings) -> None:
    settings.NEVUS_MAX_BATCH_BYTES = 1000
    assert_problem(send(client(user), picture(), lesion=lesion.pk), 413, "body_too_large", "files")


def test_one_picture_that_is_too_large_is_told_by_its_name(user, lesion, settings) -> None:
    settings.NEVUS_MAX_UPLOAD_BYTES = len(jpeg_bytes(seed=1)) + 10
    large = picture("large.jpg", content=jpeg_bytes(seed=2) + bytes(5000))
    body = send(client(user), picture(), large, lesion=lesion.pk).json()

    assert (body["queued"], body["rejected"]) == (1, 1)
    assert body["results"][-1]["failure"]["code"] == "file_too_large"


def test_without_an_active_model_nothing_is_stored(media) -> None:
    lesion = LesionFactory()
    user = doctor(lesion.patient.hospital)
    before = stored(media)
    assert_problem(send(client(user), picture(), lesion=lesion.pk), 409, "no_active_model")
    assert stored(media) == before


def batch_of(hospital, *malignancies: float) -> Batch:
    files = [BatchFileFactory(batch__patient__hospital=hospital, name="9.jpg")]
    batch = files[0].batch
    for number, malignancy in enumerate(malignancies):
        file = BatchFileFactory(batch=batch, name=f"{number}.jpg")
        prediction = PredictionFactory(malignancy_probability=malignancy)
        DiagnosisRequestFactory(image=file.image, succeeded=True, prediction=prediction)
    BatchFileFactory(batch=batch, name="bad.jpg", refused=True)
    return batch


def test_results_are_sorted_by_malignancy(user, hospital) -> None:
    batch = batch_of(hospital, 0.2, 0.9, 0.4)
    DiagnosisRequestFactory(image=batch.files.get(name="9.jpg").image)
    body = client(user).get(f"{BATCHES}{batch.pk}/").json()

    assert [row["name"] for row in body["results"]] == [
        *("1.jpg", "2.jpg", "0.jpg", "9.jpg", "bad.jpg")
    ]
    assert (body["succeeded"], body["queued"], body["rejected"]) == (3, 1, 1)
    assert sum(body[name] for name in COUNTS) == body["total"] == 5


def test_a_repeated_reading_counts_once(user, hospital) -> None:
    file = BatchFileFactory(batch__patient__hospital=hospital)
    DiagnosisRequestFactory(image=file.image, failed=True)
    again = DiagnosisRequestFactory(image=file.image, succeeded=True)
    body = client(user).get(f"{BATCHES}{file.batch_id}/").json()

    assert (body["total"], body["succeeded"], body["failed"]) == (1, 1, 0)
    assert body["results"][0]["id"] == str(again.pk)
    assert again.status == Status.SUCCEEDED


def test_queries_do_not_grow_with_the_files(user, hospital) -> None:
    small, large = batch_of(hospital, 0.1), batch_of(hospital, *itertools.repeat(0.5, 8))
    api = client(user)
    few = count_queries(api, f"{BATCHES}{small.pk}/")
    assert count_queries(api, f"{BATCHES}{large.pk}/") == few
    assert count_queries(api, BATCHES) <= few + 1


def test_a_list_is_filtered(user, hospital, lesion) -> None:
    api = client(user)
    mine = send(api, picture(), lesion=lesion.pk).json()
    batch_of(hospital, 0.1)
    rows = api.get(f"{BATCHES}?lesion={lesion.pk}").json()["results"]

    assert [(row["id"], row["total"]) for row in rows] == [(mine["id"], 1)]
    assert len(api.get(BATCHES).json()["results"]) == 2


def test_a_look_is_noted(user, hospital) -> None:
    batch = batch_of(hospital, 0.1)
    client(user).get(f"{BATCHES}{batch.pk}/")
    assert AuditEvent.objects.filter(action="view_batch", object_id=batch.pk).exists()


def test_another_hospital_sees_nothing(user, hospital) -> None:
    batch = batch_of(hospital, 0.1)
    api = client(doctor(HospitalFactory()))
    assert_problem(api.get(f"{BATCHES}{batch.pk}/"), 404, "not_found")
    assert api.get(BATCHES).json()["results"] == []
    body = {"file": picture()}
    assert_problem(
        api.post(f"{BATCHES}{batch.pk}/files/", body, format="multipart"), 404, "not_found"
    )
    assert BatchFile.objects.filter(batch=batch).count() == 3


def test_keys_may_be_as_long_as_those_of_other_orders(user, lesion) -> None:
    api = client(user)
    address = send(api, picture(), lesion=lesion.pk)["Location"]
    for number, key in enumerate(("k" * 254 + "1", "k" * 254 + "2"), 2):
        file = {"file": picture(seed=number)}
        headers = {"Idempotency-Key": key}
        answer = api.post(f"{address}files/", file, format="multipart", headers=headers)
        assert (answer.status_code, answer.json()["total"]) == (201, number)


def test_list_and_batch_agree_on_what_was_entered_in_error(user, hospital) -> None:
    batch, api = batch_of(hospital, 0.1, 0.2), client(user)
    image = batch.files.exclude(image=None).first().image
    mark_entered_in_error(actor=user, record=image, reason="test")
    (row,) = api.get(BATCHES).json()["results"]
    total = api.get(f"{BATCHES}{batch.pk}/").json()["total"]
    assert row["total"] == total == batch.files.count() - 1


def test_a_batch_that_broke_off_goes_on_where_it_was(user, lesion, monkeypatch) -> None:
    api, files = client(user), [("a.jpg", 1), ("b.jpg", 2)]
    api.raise_request_exception = False
    answers = []
    for breaks in (True, False):
        with monkeypatch.context() as patched:
            if breaks:
                patched.setattr(batches, "shape_of", lambda _progress: 1 / 0)
            pictures = [picture(name, seed) for name, seed in files]
            answers.append(send(api, *pictures, lesion=lesion.pk, key="k"))

    assert [answer.status_code for answer in answers] == [500, 202]
    assert [row["status"] for row in answers[1].json()["results"]] == ["queued", "queued"]
    assert (Batch.objects.count(), Image.objects.count()) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_the_pictures_of_a_batch(user, hospital, lesion, monkeypatch) -> None:
    """The log of the hospital is free between two files, also where the order has a key."""
    needs_postgresql()
    api, reached, noted = client(user), threading.Event(), threading.Event()
    read = images.read_upload

    def read_slowly(file: Any, *, name: str) -> Any:
        if name == "b.jpg":
            reached.set()
            assert noted.wait(10)
        return read(file, name=name)

    monkeypatch.setattr(images, "read_upload", read_slowly)

    def note() -> None:
        assert reached.wait(10)
        record_event(actor=user, action="view_patient", hospital=hospital, obj=lesion.patient)
        noted.set()

    order = lambda: send(api, picture(), picture("b.jpg", 2), lesion=lesion.pk, key="k")  # noqa: E731
    answer, nothing = together(order, note)
    assert (answer.json()["total"], nothing) == (2, None)
