"""How far each lesion lies from the patient's others."""

import uuid

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from clinic.models import AuditEvent, Lesion, Patient, Scope
from diagnosis.models import ModelVersion
from diagnosis.services.differences import FEWEST, compare, lesion_differences
from diagnosis.services.features import keep_features, pack
from tests.api_client import API, client
from tests.factories import (
    DiagnosisRequestFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    PatientFactory,
    doctor,
)

ALIKE = [(1, 0.1, 0), (1, 0, 0.1), (1, 0.1, 0.1), (1, 0, 0)]
ODD = (0.2, 0.1, 1)


def compared(*rows: tuple[float, ...]) -> list:
    return list(compare({uuid.uuid4(): np.array(row, dtype=np.float32) for row in rows}).values())


def test_the_one_that_is_unlike_the_others_differs_most() -> None:
    found = compared(*ALIKE, ODD)
    assert [difference.most for difference in found] == [False] * 4 + [True]
    assert found[-1].times > 3
    assert sorted(difference.times for difference in found)[2] == pytest.approx(1)
    # 1 - cosine of (0.2, 0.1, 1) and the mean of the others, (1, 0.05, 0.05)
    expected = 1 - 0.255 / (np.sqrt(1.05) * np.sqrt(1.005))
    assert found[-1].distance == pytest.approx(expected, abs=1e-6)


def test_where_none_stands_out_none_is_named() -> None:
    corners = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    found = compared(*corners)
    assert [difference.most for difference in found] == [False] * 4
    assert {round(difference.times, 6) for difference in found} == {1}


def test_few_or_equal_lesions_are_not_compared() -> None:
    assert compared(*ALIKE[:2], ODD) == []
    assert compared(*[(1, 1, 0)] * 5) == []
    assert compared() == []


def test_what_has_no_features_at_all_is_no_error() -> None:
    assert all(np.isfinite(difference.times) for difference in compared(*ALIKE, (0, 0, 0)))


@pytest.fixture
def patient(db) -> Patient:
    return PatientFactory()


@pytest.fixture
def model(patient: Patient) -> ModelVersion:
    return ModelPolicyFactory(hospital=patient.hospital).model_version


def seen(patient: Patient, model: ModelVersion, *rows: tuple[float, ...]) -> list[Lesion]:
    """A lesion a row, each with an image of these features."""
    images = [ImageFactory(lesion=LesionFactory(patient=patient)) for _row in rows]
    keep_features(
        model, {image.pk: pack(np.array(row)) for image, row in zip(images, rows, strict=True)}
    )
    for image in images:
        DiagnosisRequestFactory(image=image, model_version=model, succeeded=True)
    return [image.lesion for image in images]


def test_only_the_patient_s_own_images_by_the_active_model_count(
    patient: Patient, model: ModelVersion, django_assert_num_queries
) -> None:
    lesions = seen(patient, model, *ALIKE, ODD)
    other = PatientFactory(hospital=patient.hospital)
    seen(other, model, (0, 1, 0))
    seen(patient, ModelVersionFactory(), (0, 1, 0))
    with django_assert_num_queries(1):
        found = lesion_differences(patient)
    assert set(found) == {lesion.pk for lesion in lesions}
    assert [lesion.pk for lesion in lesions if found[lesion.pk].most] == [lesions[-1].pk]
    assert lesion_differences(other) == {}


def test_several_images_of_a_lesion_count_as_their_mean(
    patient: Patient, model: ModelVersion
) -> None:
    lesions = seen(patient, model, *ALIKE, ODD)
    before = lesion_differences(patient)
    again = ImageFactory(lesion=lesions[-1])
    keep_features(model, {again.pk: pack(np.array((1.8, -0.1, -1)))})
    after = lesion_differences(patient)
    assert len(after) == 5
    # the mean of both is (1, 0, 0), like all others
    assert after[lesions[-1].pk].distance < 0.01 < before[lesions[-1].pk].distance


def test_a_patient_with_500_images_costs_one_query(
    patient: Patient, model: ModelVersion, django_assert_num_queries, monkeypatch
) -> None:
    monkeypatch.setattr("diagnosis.services.differences.MOST_IMAGES", FEWEST)
    lesions = seen(patient, model, ODD, *ALIKE)
    with django_assert_num_queries(1):
        found = lesion_differences(patient)
    # the newest; the oldest is beyond the limit
    assert set(found) == {lesion.pk for lesion in lesions[1:]}


def test_the_pages_say_it_in_words(patient: Patient, model: ModelVersion) -> None:
    lesions = seen(patient, model, *ALIKE, ODD)
    page = Client()
    page.force_login(doctor(patient.hospital))
    shown = page.get(reverse("patient", args=[patient.pk])).content.decode()
    assert shown.count("Differs most") == 1
    assert "not a diagnosis, and not validated" in shown
    odd = page.get(reverse("lesion", args=[lesions[-1].pk])).content.decode()
    assert "Differs most from this patient&#x27;s other lesions." in odd.replace("'", "&#x27;")
    usual = page.get(reverse("lesion", args=[lesions[0].pk])).content.decode()
    assert "Differs most" not in usual
    assert "as is usual for this patient" in usual


def test_with_three_lesions_the_pages_say_nothing(patient: Patient, model: ModelVersion) -> None:
    lesions = seen(patient, model, *ALIKE[:2], ODD)
    page = Client()
    page.force_login(doctor(patient.hospital))
    for address in (reverse("patient", args=[patient.pk]), reverse("lesion", args=[lesions[2].pk])):
        assert "validated" not in page.get(address).content.decode()


def test_the_api_gives_the_farthest_first(patient: Patient, model: ModelVersion) -> None:
    lesions = seen(patient, model, *ALIKE, ODD)
    caller = client(doctor(patient.hospital), Scope.READ)
    results = caller.get(f"{API}/patients/{patient.pk}/lesion-differences/").json()["results"]
    assert results[0]["lesion"] == str(lesions[-1].pk)
    assert [row["differs_most"] for row in results] == [True, *[False] * 4]
    distances = [row["distance"] for row in results]
    assert distances == sorted(distances, reverse=True)
    event = AuditEvent.objects.get(action="view_patient")
    assert event.details["part"] == "lesion_differences"
