"""The factories make what the database and the services accept."""

import pytest

from clinic.permissions import roles_by_hospital
from clinic.services.images import read_stored
from diagnosis.models import DiagnosisRequest, Status
from ml.manifest import parse_manifest
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", Status.values)
def test_a_request_of_every_state(status: str) -> None:
    trait = {} if status == Status.QUEUED else {status: True}
    request = factories.DiagnosisRequestFactory(**trait)
    assert DiagnosisRequest.objects.get().status == status
    assert request.hospital == request.image.lesion.patient.hospital
    assert read_stored(request.image).startswith(b"\xff\xd8")


def test_reviews_are_drafts_or_signed() -> None:
    assert not factories.ReviewFactory().is_signed
    assert factories.ReviewFactory(signed=True).signed_by is not None


def test_a_member_has_exactly_the_role() -> None:
    hospital = factories.HospitalFactory()
    for make in (factories.doctor, factories.administrator, factories.integration):
        assert roles_by_hospital(make(hospital)) == {hospital.pk: {make.__name__}}


def test_the_manifest_is_valid() -> None:
    model = factories.ModelPolicyFactory().model_version
    assert parse_manifest(model.manifest).trained
    assert model.labels == factories.LABELS


def test_a_drawn_lesion_has_no_warnings() -> None:
    assert factories.ImageFactory().quality["warnings"] == []
