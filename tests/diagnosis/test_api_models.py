"""Model versions through the API."""

import pytest

from clinic.models import AuditEvent
from diagnosis.models import ModelPolicy
from tests.api_client import API, assert_problem, client, count_queries
from tests.factories import (
    LABELS,
    HospitalFactory,
    MembershipFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    administrator,
    doctor,
)

pytestmark = pytest.mark.django_db
MODELS = f"{API}/models/"


def test_a_model_shows_its_card() -> None:
    hospital = HospitalFactory()
    model = ModelPolicyFactory(hospital=hospital).model_version
    ModelPolicyFactory(model_version=model)
    body = client(doctor(hospital)).get(f"{MODELS}{model.pk}/").json()
    assert [entry["label"] for entry in body["classes"]] == LABELS
    melanoma = next(entry for entry in body["classes"] if entry["code"] == "mel")
    assert melanoma == {
        "code": "mel",
        "label": "melanoma",
        "name": "Melanoma",
        "malignant": True,
    }
    assert body["active_for"] == [str(hospital.pk)]
    assert body["input"] == model.manifest["preprocessing"]
    assert body["card"] == model.card
    for field in ("data", "metrics", "subgroups", "intended_use", "limits", "parameters"):
        assert body[field] == model.manifest[field]
    assert body["thresholds"] == model.manifest["thresholds"]
    assert body["created_at"].endswith("Z")


def test_a_list_takes_the_same_queries_for_one_row_and_for_twenty() -> None:
    api = client(doctor(HospitalFactory()))
    ModelVersionFactory()
    one = count_queries(api, MODELS)
    ModelVersionFactory.create_batch(19)
    assert count_queries(api, MODELS) == one
    rows = api.get(MODELS).json()["results"]
    assert len(rows) == 20
    assert "card" not in rows[0]


def test_an_administrator_activates_a_model() -> None:
    hospital = HospitalFactory()
    ModelPolicyFactory(hospital=hospital)
    model = ModelVersionFactory()
    api = client(administrator(hospital))
    response = api.post(f"{MODELS}{model.pk}/activate/", {"hospital": str(hospital.pk)})
    assert response.status_code == 200
    assert response.json()["active_for"] == [str(hospital.pk)]
    assert ModelPolicy.objects.get(hospital=hospital).model_version == model
    assert AuditEvent.objects.latest("id").action == "activate_model"
    # the second time there is nothing to do, which is no error
    again = api.post(f"{MODELS}{model.pk}/activate/", {"hospital": str(hospital.pk)})
    assert (again.status_code, again.json()) == (200, response.json())
    assert AuditEvent.objects.filter(action="activate_model").count() == 1


def test_it_is_activated_only_where_one_administers() -> None:
    user = administrator(HospitalFactory())
    other = MembershipFactory(user=user).hospital
    model = ModelVersionFactory()
    response = client(user).post(f"{MODELS}{model.pk}/activate/", {"hospital": str(other.pk)})
    assert_problem(response, 403, "permission_denied")
    assert not ModelPolicy.objects.exists()


def test_a_hospital_is_named() -> None:
    model = ModelVersionFactory()
    api = client(administrator(HospitalFactory()))
    assert_problem(api.post(f"{MODELS}{model.pk}/activate/", {}), 400, "invalid", "hospital")
    body = {"hospital": "nonsense"}
    response = api.post(f"{MODELS}{model.pk}/activate/", body)
    assert_problem(response, 404, "not_found", "hospital")
