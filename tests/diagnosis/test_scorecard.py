"""The live scorecard of a model version, and the figures of its page."""

import datetime
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import AuditEvent
from diagnosis import figures
from diagnosis.models import ModelPolicy
from diagnosis.services.model_versions import active_model, retire_model
from diagnosis.services.scorecard import Share, recent, scorecard
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    MembershipFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    ReviewFactory,
    administrator,
    doctor,
    manifest,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital():
    return HospitalFactory(name="Alpha")


@pytest.fixture
def model(hospital):
    return ModelPolicyFactory(hospital=hospital).model_version


def read(image, model, label: str, conclusion: str = "", days: int = 0) -> None:
    row = DiagnosisRequestFactory(
        image=image,
        model_version=model,
        succeeded=True,
        prediction__label=label,
        created_at=timezone.now() - datetime.timedelta(days=days),
    )
    if conclusion:
        ReviewFactory(request=row, signed=True, conclusion=conclusion)


def test_the_scorecard_counts_the_own_signed_readings_of_a_year(hospital, model) -> None:
    image = ImageFactory(lesion__patient__hospital=hospital)
    read(image, model, "melanoma", "melanoma")
    read(image, model, "melanoma", "nevus")
    read(image, model, "basal_cell_carcinoma", "melanoma")
    read(image, model, "nevus", "nevus")
    read(image, model, "nevus", "melanoma")
    read(image, model, "nevus")
    read(image, model, "nevus", "nevus", days=400)
    read(ImageFactory(), model, "nevus", "nevus")
    DiagnosisRequestFactory(image=image, succeeded=True)

    found = scorecard(*recent(model, [hospital.pk]))

    assert (found.read, found.signed) == (6, 5)
    assert found.agreement == Share(2, 5)
    # the basal cell carcinoma was called malignant, which it is
    assert found.sensitivity == Share(2, 3)
    assert found.specificity == Share(1, 2)


def test_of_very_many_readings_the_scorecard_counts_the_newest(
    hospital, model, monkeypatch
) -> None:
    monkeypatch.setattr("diagnosis.services.scorecard.MOST_READ", 2)
    image = ImageFactory(lesion__patient__hospital=hospital)
    for days, conclusion in ((30, "melanoma"), (20, "nevus"), (10, "nevus")):
        read(image, model, "nevus", conclusion, days=days)

    found = scorecard(*recent(model, [hospital.pk]))

    assert (found.read, found.agreement) == (2, Share(2, 2))
    assert found.since == timezone.localdate() - datetime.timedelta(days=20)


def test_the_interval_of_a_share() -> None:
    # Wilson's interval of 8 of 10 (E. B. Wilson 1927; 0.4902 to 0.9433)
    assert Share(8, 10).interval == pytest.approx((0.4902, 0.9433), abs=1e-4)
    low, high = Share(0, 5).interval or (None, None)
    assert (low, high) == pytest.approx((0.0, 0.4345), abs=1e-4)
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, None)


def test_the_page_shows_scorecard_and_matrix(hospital, model) -> None:
    model.manifest["metrics"]["confusion"] = [
        [10 * (i == j) + 1 for j in range(7)] for i in range(7)
    ]
    model.save()
    image = ImageFactory(lesion__patient__hospital=hospital)
    browser = Client()
    browser.force_login(doctor(hospital))
    address = reverse("model", args=[model.pk])
    assert "No reading of this model is signed yet." in browser.get(address).content.decode()

    read(image, model, "melanoma", "melanoma")
    shown = browser.get(address).content.decode()

    assert "1 of 1" in shown
    assert "Confusion matrix" in shown
    assert shown.count("step-6 right") == 7
    # a phone shows the codes, whoever listens hears the names
    name, code = '<span class="name">Melanoma</span>', '<span class="code" aria-hidden="true">MEL<'
    assert f'<th scope="row">{name}{code}' in shown
    assert "Retire for" not in shown
    assert AuditEvent.objects.filter(action="view_model", hospital=hospital).count() == 2


@pytest.mark.parametrize(
    "counts", [None, 3, [], [[1, 2], [3]], [[1, 2, 3]] * 3, [["x"] * 7] * 7, {"a": 1}]
)
def test_a_matrix_of_another_shape_is_left_out(counts) -> None:
    broken = manifest()
    broken["metrics"] = broken["metrics"] | {"confusion": counts}
    assert figures.confusion(broken) is None


def test_a_retired_model_reads_no_more(hospital, model) -> None:
    boss = administrator(hospital)
    with pytest.raises(DomainError) as caught:
        retire_model(actor=doctor(hospital), hospital=hospital, model_version=model)
    assert caught.value.status == 403

    retire_model(actor=boss, hospital=hospital, model_version=model)

    assert not ModelPolicy.objects.filter(hospital=hospital).exists()
    with pytest.raises(DomainError, match="No model is active"):
        active_model(hospital.pk)
    with pytest.raises(DomainError) as caught:
        retire_model(actor=boss, hospital=hospital, model_version=model)
    assert caught.value.code == "not_active"
    assert AuditEvent.objects.get(action="retire_model").hospital == hospital


def questions(hospital, model) -> str:
    """What the model's page asks an administrator of the hospitals before anything changes."""
    page = Client()
    page.force_login(administrator(hospital))
    html = page.get(reverse("model", args=[model.pk])).content.decode()
    (asked,) = re.findall(r'<details class="ask-again">.*?</details>', html, re.DOTALL)
    follows = asked.split("</summary>")[1]
    # no other way to it on the page
    assert re.findall(r'action="[^"]*/models/[^"]*"', html) == re.findall(
        r'action="[^"]*"', follows
    )
    return follows


def test_the_page_asks_once_more_before_a_model_is_retired(hospital, model) -> None:
    follows = questions(hospital, model)

    assert "No doctor of Alpha can order a reading until another model is activated." in follows
    assert f'action="{reverse("model-retire", args=[model.pk])}"' in follows


def test_the_page_asks_once_more_before_another_model_is_activated(hospital, model) -> None:
    other = ModelVersionFactory(name="other", version="2")

    follows = questions(hospital, other)

    assert f"{model} stops reading at Alpha: other 2 reads every new order there." in follows
    assert f'action="{reverse("model-activate", args=[other.pk])}"' in follows


def test_the_page_asks_once_more_before_a_first_model_is_activated(hospital) -> None:
    follows = questions(hospital, ModelVersionFactory(name="first", version="1"))

    assert "No model reads at Alpha now. first 1 will read every new order there." in follows
    assert "stops reading" not in follows


def test_whoever_administers_many_hospitals_is_asked_with_one_query(hospital, model) -> None:
    boss = administrator(hospital)
    for _ in range(3):
        MembershipFactory(user=boss, hospital=ModelPolicyFactory().hospital, role="administrator")
    page = Client()
    page.force_login(boss)

    with CaptureQueriesContext(connection) as asked:
        html = page.get(reverse("model", args=[ModelVersionFactory().pk])).content.decode()

    assert html.count("stops reading at") == 4
    # what reads at the hospitals, and where this one reads
    assert sum('FROM "diagnosis_modelpolicy"' in query["sql"] for query in asked) == 2
