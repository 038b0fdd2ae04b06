"""Of a patient with many lesions those are found that want something."""

import pytest
from django.test import Client
from django.urls import reverse

from clinic.models import Lesion, Patient
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    LesionFactory,
    ModelPolicyFactory,
    PatientFactory,
    ReviewFactory,
    doctor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient() -> Patient:
    return PatientFactory(hospital=ModelPolicyFactory().hospital)


@pytest.fixture
def page(patient) -> Client:
    found = Client()
    found.force_login(doctor(patient.hospital))
    return found


def lesion(patient: Patient, label: str, *, placed: bool = True) -> Lesion:
    place = {"body_view": "back", "body_x": 0.5, "body_y": 0.5} if placed else {}
    return LesionFactory(patient=patient, label=label, anatom_site="posterior torso", **place)


def read(found: Lesion, malignancy: float, *, signed: str = ""):
    row = DiagnosisRequestFactory(
        image__lesion=found, succeeded=True, prediction__malignancy_probability=malignancy
    )
    if signed:
        ReviewFactory(request=row, conclusion=signed, signed=True)
    return row


@pytest.fixture
def many(patient) -> Patient:
    read(lesion(patient, "suspicious"), 0.9)
    read(lesion(patient, "called malignant"), 0.01, signed="melanoma")
    cleared = lesion(patient, "cleared")
    row = read(cleared, 0.9, signed="nevus")
    HistopathologyFactory(lesion=cleared, diagnosis="nevus", date=row.image.taken.date())
    read(lesion(patient, "harmless"), 0.01, signed="nevus")
    read(lesion(patient, "not placed", placed=False), 0.01)
    lesion(patient, "without a picture")
    DiagnosisRequestFactory(image__lesion=lesion(patient, "not readable"), rejected=True)
    return patient


def shown(page: Client, patient: Patient, show: str = "") -> set[str]:
    response = page.get(reverse("patient", args=[patient.pk]), {"show": show} if show else {})
    return {card.lesion.label for card in response.context["page"].object_list}


def test_what_is_shown_of_many_lesions_can_be_chosen(page, many) -> None:
    assert len(shown(page, many)) == 7
    assert shown(page, many, "suspicious") == {"suspicious", "called malignant"}
    assert shown(page, many, "to_review") == {"suspicious", "not placed"}
    assert shown(page, many, "unplaced") == {"not placed"}
    assert len(shown(page, many, "what")) == 7

    response = page.get(reverse("patient", args=[many.pk]), {"show": "to_review"})
    counts = {tally.name: (tally.count, tally.chosen) for tally in response.context["tallies"]}
    assert counts == {
        "All": ("7", False),
        "Suspicious": ("2", False),
        "To review": ("2", True),
        "Without a place": ("1", False),
    }
    # all are on the body map, whatever is shown beside it
    html = response.content.decode()
    assert html.count('class="dot ') == 6


def test_a_choice_that_holds_nothing_says_so(page, many) -> None:
    Lesion.objects.filter(patient=many).update(body_view="back", body_x=0.5, body_y=0.5)
    html = page.get(reverse("patient", args=[many.pk]), {"show": "unplaced"}).content.decode()
    assert "No lesion of this patient is such." in html


def test_few_lesions_are_all_shown(page, patient) -> None:
    read(lesion(patient, "one"), 0.01, signed="nevus")
    response = page.get(reverse("patient", args=[patient.pk]), {"show": "suspicious"})
    assert shown(page, patient, "suspicious") == {"one"}
    assert 'class="tallies"' not in response.content.decode()
