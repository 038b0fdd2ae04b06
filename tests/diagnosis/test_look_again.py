"""Pages that refresh themselves by a script: without one they wait until somebody looks again."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from diagnosis.models import DiagnosisRequest
from tests.factories import (
    BatchFileFactory,
    DiagnosisRequestFactory,
    ModelPolicyFactory,
    doctor,
)

pytestmark = pytest.mark.django_db
TYPED = {"conclusion": "nevus", "management": "monitor", "notes": "grew since spring"}


@pytest.fixture
def hospital():
    return ModelPolicyFactory().hospital


@pytest.fixture
def page(hospital) -> Client:
    client = Client()
    client.force_login(doctor(hospital))
    return client


@pytest.fixture
def waiting(hospital) -> DiagnosisRequest:
    return DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)


def without_scripts(response) -> str:
    """What only a browser without scripts shows."""
    return "".join(re.findall(r"<noscript>(.*?)</noscript>", response.content.decode(), re.DOTALL))


def addresses(html: str) -> list[str]:
    return re.findall(r'<a href="([^"]*)">Look again</a>', html)


def assert_stays(response) -> None:
    """Nothing but a person's click loads the page again: something may be typed in it."""
    assert "http-equiv" not in response.content.decode().lower()
    assert "Refresh" not in response


def test_a_waiting_diagnosis_is_looked_at_again_by_a_link(page, waiting) -> None:
    address = reverse("diagnosis", args=[waiting.pk])
    response = page.get(address)

    assert_stays(response)
    assert addresses(without_scripts(response)) == [address]


def test_a_diagnosis_that_is_done_waits_for_its_heat_map_alone(page, hospital) -> None:
    done = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    address = reverse("diagnosis", args=[done.pk])
    # a refused review stands at an address that no link may ask for
    for response in (page.get(address), page.post(reverse("diagnosis-review", args=[done.pk]))):
        assert_stays(response)
        assert "Where the model looked is drawn as soon as" in response.content.decode()
        assert addresses(without_scripts(response)) == [address]
        assert "does not refresh itself" not in response.content.decode()


def test_a_batch_is_looked_at_again_by_a_link(page, hospital) -> None:
    file = BatchFileFactory(batch__patient__hospital=hospital)
    row = DiagnosisRequestFactory(image=file.image, model_version=file.batch.model_version)
    address = reverse("batch", args=[file.batch_id])
    response = page.get(address, {"sort": "importance"})

    assert_stays(response)
    # an empty address keeps the order that was asked for
    assert addresses(without_scripts(response)) == [""]
    row.delete()
    DiagnosisRequestFactory(
        image=file.image, model_version=file.batch.model_version, succeeded=True
    )
    assert "Look again" not in page.get(address).content.decode()


def test_the_worklist_is_looked_at_again_by_a_link(page, waiting) -> None:
    response = page.get(reverse("worklist"), {"review": "all"})

    assert_stays(response)
    assert addresses(without_scripts(response)) == [""]


@pytest.mark.parametrize("left_out", [None, "conclusion"])
def test_a_draft_sent_too_early_looks_again_and_keeps_what_was_typed(
    page, waiting, left_out
) -> None:
    typed = {name: value for name, value in TYPED.items() if name != left_out}
    refused = page.post(reverse("diagnosis-review", args=[waiting.pk]), typed | {"save": "1"})

    assert refused.status_code == (400 if left_out else 409)
    assert_stays(refused)
    assert "grew since spring</textarea>" in refused.content.decode()
    assert "keeps what you typed" in without_scripts(refused)
    assert addresses(without_scripts(refused)) == [reverse("diagnosis", args=[waiting.pk])]
