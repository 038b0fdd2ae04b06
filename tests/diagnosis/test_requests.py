"""Orders: everything is stored together or nothing, and the bell rings when it is."""

import io
from pathlib import Path
from unittest import mock

import pytest

from clinic.errors import DomainError
from clinic.models import AuditEvent, Hospital, Image, Lesion, Patient
from diagnosis.models import DiagnosisRequest, Priority, Status
from diagnosis.services import queue, requests
from diagnosis.services.queue import claim_batch
from diagnosis.services.requests import (
    cancel_request,
    record_and_request,
    request_diagnosis,
    upload_and_request,
)
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    MembershipFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    administrator,
    doctor,
    integration,
    jpeg_bytes,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital() -> Hospital:
    """With an active model."""
    return ModelPolicyFactory().hospital


@pytest.fixture
def image(hospital: Hospital) -> Image:
    return ImageFactory(lesion__patient__hospital=hospital)


@pytest.fixture(autouse=True)
def bell():
    with mock.patch.object(queue.current_app, "send_task") as send:
        yield send


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def error_of(call, **arguments) -> DomainError:
    with pytest.raises(DomainError) as caught:
        call(**arguments)
    return caught.value


def test_an_order_is_queued_for_the_active_model(image: Image, hospital: Hospital) -> None:
    request = request_diagnosis(actor=image.uploaded_by, image=image)
    request.refresh_from_db()
    assert (request.status, request.attempts) == (Status.QUEUED, 0)
    assert request.model_version == hospital.model_policy.model_version
    assert (request.hospital, request.priority) == (hospital, Priority.INTERACTIVE)
    assert request.requested_by == image.uploaded_by
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id) == ("request_diagnosis", str(request.pk))
    assert event.details["model_version"] == str(request.model_version_id)


def test_the_bell_rings_on_commit_and_not_before(
    image: Image, bell, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        request_diagnosis(actor=image.uploaded_by, image=image)
        assert not bell.called
    bell.assert_called_once_with("diagnosis.read_queued", queue="inference")


def test_an_order_survives_a_broker_that_is_down(
    image: Image, bell, django_capture_on_commit_callbacks
) -> None:
    bell.side_effect = ConnectionRefusedError
    with django_capture_on_commit_callbacks(execute=True):
        request_diagnosis(actor=image.uploaded_by, image=image)
    assert bell.called
    assert DiagnosisRequest.objects.get().status == Status.QUEUED


def test_an_order_that_fails_rings_no_bell(
    image: Image, bell, django_capture_on_commit_callbacks
) -> None:
    with (
        django_capture_on_commit_callbacks(execute=True) as callbacks,
        mock.patch.object(requests, "record_event", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        request_diagnosis(actor=image.uploaded_by, image=image)
    assert callbacks == []
    assert not bell.called
    assert not DiagnosisRequest.objects.exists()


@pytest.mark.parametrize("state", ["queued", "running"])
def test_one_open_order_for_an_image_and_a_model(image: Image, state: str) -> None:
    model = ModelVersionFactory()
    trait = {} if state == "queued" else {state: True}
    DiagnosisRequestFactory(image=image, model_version=model, **trait)
    arguments = {"actor": image.uploaded_by, "image": image}
    error = error_of(request_diagnosis, **arguments, model_version=model)
    assert (error.code, error.status) == ("request_open", 409)
    # another model, another order
    assert request_diagnosis(**arguments).pk


@pytest.mark.parametrize("state", ["succeeded", "failed", "rejected", "cancelled"])
def test_what_is_done_can_be_ordered_again(image: Image, state: str) -> None:
    model = ModelVersionFactory()
    DiagnosisRequestFactory(image=image, model_version=model, **{state: True})
    again = request_diagnosis(actor=image.uploaded_by, image=image, model_version=model)
    assert again.status == Status.QUEUED


def test_the_database_has_the_last_word_on_open_orders(image: Image) -> None:
    """Somebody else ordered between the check and the write."""
    first = request_diagnosis(actor=image.uploaded_by, image=image)
    nothing = DiagnosisRequest.objects.none()
    with mock.patch.object(DiagnosisRequest.objects, "filter", return_value=nothing):
        error = error_of(request_diagnosis, actor=image.uploaded_by, image=image)
    assert error.code == "request_open"
    assert DiagnosisRequest.objects.get() == first
    assert AuditEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_order_the_same_reading_one_is_told(image: Image) -> None:
    needs_postgresql()
    actors = [doctor(image.lesion.patient.hospital) for _ in range(4)]
    outcomes = together(
        *(lambda actor=actor: request_diagnosis(actor=actor, image=image) for actor in actors)
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [error.code for error in errors] == ["request_open"] * 3
    assert DiagnosisRequest.objects.count() == AuditEvent.objects.count() == 1


def test_without_an_active_model_nothing_is_stored(own_folders: Path) -> None:
    lesion = LesionFactory()
    error = error_of(
        upload_and_request,
        actor=doctor(lesion.patient.hospital),
        lesion=lesion,
        file=io.BytesIO(jpeg_bytes()),
        name="a.jpg",
    )
    assert (error.code, error.status) == ("no_active_model", 409)
    assert files(own_folders) == []
    assert not Image.objects.exists()
    assert not AuditEvent.objects.exists()


def test_who_may_order(image: Image, hospital: Hospital) -> None:
    model = ModelVersionFactory()
    for actor in (
        administrator(hospital),
        doctor(HospitalFactory()),
        doctor(hospital, is_active=False),
    ):
        error = error_of(request_diagnosis, actor=actor, image=image)
        assert (error.code, error.status) == ("permission_denied", 403)
    assert request_diagnosis(actor=doctor(hospital), image=image).pk
    assert request_diagnosis(actor=integration(hospital), image=image, model_version=model).pk


# The whole way ------------------------------------------------------------------------------------

PATIENT = {"medical_record_number": "17", "sex": "female"}
LESION = {"anatom_site": "lower extremity"}


def send(hospital: Hospital, **fields) -> DiagnosisRequest:
    arguments = {
        "actor": doctor(hospital),
        "hospital": hospital,
        "file": io.BytesIO(jpeg_bytes()),
        "name": "a.jpg",
        "patient_fields": PATIENT,
        "lesion_fields": LESION,
        "image_fields": {"dermoscopic_type": "contact polarized"},
    }
    return record_and_request(**arguments | fields)


def test_patient_lesion_picture_and_order_in_one_step(media: Path, hospital: Hospital) -> None:
    request = send(hospital, priority=Priority.BULK)
    request.refresh_from_db()
    image = request.image
    assert image.lesion.patient.medical_record_number == "17"
    assert image.lesion.anatom_site == "lower extremity"
    assert image.dermoscopic_type == "contact polarized"
    assert request.priority == Priority.BULK
    assert len(files(media)) == 2
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == [
        *("create_patient", "create_lesion", "create_image"),
        "request_diagnosis",
    ]


def test_known_patient_and_lesion_are_used(hospital: Hospital) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    first = send(hospital, patient=lesion.patient, lesion=lesion)
    assert first.image.lesion == lesion
    second = send(hospital, patient=lesion.patient)
    assert second.image.lesion != lesion
    assert second.image.lesion.patient == lesion.patient
    assert Patient.objects.count() == 1


def no_request(**_facts: object) -> None:
    raise RuntimeError("no order")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"file": io.BytesIO(b"text")}, "not_an_image"),
        ({"name": "a.png"}, "extension_mismatch"),
        ({"patient_fields": {"medical_record_number": ""}}, "invalid"),
        ({"lesion_fields": {"anatom_site": "wing"}}, "invalid"),
        ({"lesion_fields": {"body_view": "front"}}, "body_map_incomplete"),
        ({"image_fields": {"image_type": "x-ray"}}, "invalid"),
    ],
)
def test_a_wrong_part_leaves_nothing(
    own_folders: Path, hospital: Hospital, fields: dict, code: str
) -> None:
    assert error_of(send, hospital=hospital, **fields).code == code
    for model in (Patient, Lesion, Image, DiagnosisRequest, AuditEvent):
        assert not model.objects.exists()
    assert files(own_folders) == []


def test_a_failure_in_the_last_step_leaves_nothing(own_folders: Path, hospital: Hospital) -> None:
    with (
        mock.patch.object(requests, "request_diagnosis", no_request),
        pytest.raises(RuntimeError, match="no order"),
    ):
        send(hospital)
    for model in (Patient, Lesion, Image, DiagnosisRequest, AuditEvent):
        assert not model.objects.exists()
    assert files(own_folders) == []


def test_a_stranger_is_refused_before_the_file_is_read(hospital: Hospital) -> None:
    error = error_of(send, hospital=hospital, actor=doctor(HospitalFactory()), file=None)
    assert error.status == 403


def test_a_patient_of_another_hospital_is_no_patient_here(hospital: Hospital) -> None:
    """Even for somebody who is a doctor at both."""
    away = LesionFactory()
    actor = doctor(hospital)
    MembershipFactory(user=actor, hospital=away.patient.hospital)
    for fields in ({"patient": away.patient}, {"patient": away.patient, "lesion": away}):
        assert error_of(send, hospital=hospital, actor=actor, **fields).status == 404
    assert not Image.objects.exists()


def test_a_lesion_of_another_patient_is_refused(hospital: Hospital) -> None:
    mine = LesionFactory(patient__hospital=hospital)
    other = LesionFactory(patient__hospital=hospital)
    for patient in (mine.patient, None):
        error = error_of(send, hospital=hospital, patient=patient, lesion=other)
        assert (error.code, error.status) == ("not_found", 404)
    assert not Image.objects.exists()


# Cancelled ----------------------------------------------------------------------------------------


def test_a_waiting_order_can_be_taken_back() -> None:
    request = DiagnosisRequestFactory()
    cancelled = cancel_request(actor=request.requested_by, request=request)
    assert (cancelled.status, cancelled.started_at) == (Status.CANCELLED, None)
    assert cancelled.finished_at is not None
    assert claim_batch(limit=1) is None
    assert AuditEvent.objects.get().action == "cancel_request"


@pytest.mark.parametrize("state", ["running", "succeeded", "failed", "rejected", "cancelled"])
def test_what_was_begun_cannot_be_taken_back(state: str) -> None:
    request = DiagnosisRequestFactory(**{state: True})
    error = error_of(cancel_request, actor=request.requested_by, request=request)
    assert (error.code, error.status) == ("not_waiting", 409)
    request.refresh_from_db()
    assert request.status == state


def test_what_was_begun_meanwhile_cannot_be_taken_back() -> None:
    request = DiagnosisRequestFactory()
    claim_batch(limit=1)
    assert request.status == Status.QUEUED
    error = error_of(cancel_request, actor=request.requested_by, request=request)
    assert error.code == "not_waiting"


def test_who_may_take_back() -> None:
    request = DiagnosisRequestFactory()
    for actor in (administrator(request.hospital), doctor(HospitalFactory())):
        assert error_of(cancel_request, actor=actor, request=request).status == 403


@pytest.mark.django_db(transaction=True)
def test_a_claim_and_a_cancellation_at_the_same_moment() -> None:
    needs_postgresql()
    for _ in range(6):
        request = DiagnosisRequestFactory()
        claimed, cancelled = together(
            lambda: claim_batch(limit=1),
            lambda request=request: cancel_request(actor=request.requested_by, request=request),
        )
        request.refresh_from_db()
        if isinstance(cancelled, DomainError):
            assert (request.status, claimed.requests) == (Status.RUNNING, [request])
        else:
            assert (request.status, claimed) == (Status.CANCELLED, None)
        DiagnosisRequest.objects.all().delete()
