"""What the API answers is what its description says."""

import json
from typing import Any

import jsonschema
import pytest
from django.test import Client

from clinic.services.entered_in_error import mark_entered_in_error
from tests.api_client import API, client
from tests.factories import (
    BatchFactory,
    BatchFileFactory,
    DiagnosisRequestFactory,
    HistopathologyFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    PatientFactory,
    ReviewFactory,
    administrator,
    doctor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses() -> dict[str, str]:
    """A path of the description to an address with something to show, of records of every state."""
    policy = ModelPolicyFactory()
    patient = PatientFactory(hospital=policy.hospital)
    of_patient = {"image__lesion__patient": patient, "model_version": policy.model_version}
    read = DiagnosisRequestFactory(succeeded=True, **of_patient)
    ReviewFactory(request=read, signed=True)
    for state in ("failed", "rejected", "cancelled", "running"):
        DiagnosisRequestFactory(**{state: True}, **of_patient)
    lesion = read.image.lesion
    HistopathologyFactory(lesion=lesion)
    ImageFactory(lesion__patient=patient, in_error=True)
    LesionFactory(patient=patient, body_view="front", body_x=0.5, body_y=0.5)
    batch = BatchFactory(patient=patient)
    DiagnosisRequestFactory(image=BatchFileFactory(batch=batch).image)
    BatchFileFactory(batch=batch, refused=True)
    marked = LesionFactory(patient=patient)
    mark_entered_in_error(actor=doctor(policy.hospital), record=marked, reason="test")
    keys = {
        "hospitals": policy.hospital_id,
        "patients": patient.pk,
        "lesions": marked.pk,
        "images": read.image_id,
        "diagnoses": read.pk,
        "batches": batch.pk,
        "models": policy.model_version_id,
    }
    found = {f"{API}/{noun}/": f"{API}/{noun}/" for noun in (*keys, "tokens", "me")}
    found |= {f"{API}/{noun}/{{id}}/": f"{API}/{noun}/{key}/" for noun, key in keys.items()}
    return found | {
        f"{API}/audit-events/": f"{API}/audit-events/",
        f"{API}/lesions/{{id}}/histopathology/": f"{API}/lesions/{lesion.pk}/histopathology/",
        f"{API}/patients/{{id}}/lesion-differences/": (
            f"{API}/patients/{patient.pk}/lesion-differences/"
        ),
        f"{API}/reports/hospital/": f"{API}/reports/hospital/",
        f"{API}/reports/patient/{{id}}/": f"{API}/reports/patient/{patient.pk}/",
    }


def test_every_answer_to_a_reader_has_the_shape_that_is_described(addresses) -> None:
    schema = json.loads(Client().get(f"{API}/schema/").content)
    described = {path for path in schema["paths"] if readable(schema, path)}
    assert described == addresses.keys()
    hospital = PatientFactory._meta.model.objects.get().hospital
    api = client(administrator(hospital))
    for path, address in addresses.items():
        answer = api.get(address)
        assert answer.status_code == 200, address
        whole = readable(schema, path) | {"components": schema["components"]}
        wrong = list(jsonschema.Draft202012Validator(whole).iter_errors(answer.json()))
        assert not wrong, f"{path}: {wrong[0].json_path}: {wrong[0].message}"


def readable(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """The shape of the JSON that GET answers with; empty where it answers with something else."""
    answers = schema["paths"][path].get("get", {}).get("responses", {}).get("200", {})
    return answers.get("content", {}).get("application/json", {}).get("schema", {})
