"""Every link of every page leads to a page, also among the odd records that a clinic collects."""

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import resolve

from clinic.models import Hospital
from diagnosis.models import ModelVersion
from tests.factories import (
    BatchFileFactory,
    DiagnosisRequestFactory,
    HeatMapFactory,
    HistopathologyFactory,
    HospitalFactory,
    ImageFactory,
    InvitationFactory,
    LesionFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    PatientFactory,
    ReviewFactory,
    administrator,
    doctor,
)

pytestmark = pytest.mark.django_db
# of a list of filters one does for all: the same page, with other rows
MOST_OF_A_PATH = 6


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []  # as they stand on the page, so that every crawl goes one way
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        for name in ("href", "src", "hx-get"):
            if address := given.get(name):
                self.found.append(address)


def odd_records(hospital: Hospital, model: ModelVersion) -> None:
    """Of each noun the states that a page may forget."""
    patient = PatientFactory(
        hospital=hospital, given_name="", family_name="", birth_date=None, sex="unknown"
    )
    PatientFactory(hospital=hospital)  # without a lesion
    PatientFactory(hospital=hospital, in_error=True)
    LesionFactory(patient=patient, anatom_site=None)
    LesionFactory(patient=patient, body_view="front", body_x=0.5, body_y=0.2)
    LesionFactory(patient=patient, in_error=True)
    bare = LesionFactory(patient=patient)
    HistopathologyFactory(lesion=bare, diagnosis="melanoma")
    ImageFactory(lesion=bare)  # not read by a model
    ImageFactory(lesion=bare, in_error=True)
    states = ({}, {"succeeded": True}, {"failed": True}, {"rejected": True}, {"cancelled": True})
    rows = [
        DiagnosisRequestFactory(
            image__lesion__patient=patient,
            image__lesion__body_view="back",
            image__lesion__body_x=0.5,
            image__lesion__body_y=0.3,
            model_version=model,
            **state,
        )
        for state in states
    ]
    HeatMapFactory(request=rows[1], drawn=True)
    ReviewFactory(request=rows[1], signed=True)
    ReviewFactory(request=rows[2], signed=True)  # concluded without a reading
    ReviewFactory(request=DiagnosisRequestFactory(image=rows[1].image, succeeded=True))  # a draft
    for row in rows:
        BatchFileFactory(batch__patient=patient, image=row.image)
    ImageFactory(lesion=rows[1].image.lesion, diameter_mm="4.5")  # two to compare
    InvitationFactory(hospital=hospital)


def crawl(page: Client, start: str) -> dict[str, int]:
    """Each address that links lead to from ``start``, with the status of its answer."""
    seen: dict[str, int] = {}
    waiting, of_path = [start], {}
    while waiting:
        address = waiting.pop()
        answer = page.get(address)
        seen[address] = answer.status_code
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            for link in Links(answer.content.decode()).found:
                target = urldefrag(urljoin(address, link)).url
                path = urlsplit(target).path
                if target in seen or target in waiting or path.startswith(("/static/", "/api/")):
                    continue
                of_path[path] = of_path.get(path, 0) + 1
                if of_path[path] <= MOST_OF_A_PATH:
                    waiting.append(target)
    return seen


@pytest.mark.parametrize(("who", "pages"), [(doctor, 30), (administrator, 25)])
def test_every_link_leads_to_a_page(who, pages: int) -> None:
    hospital = HospitalFactory()
    ModelVersionFactory()  # reads nowhere
    odd_records(hospital, ModelPolicyFactory(hospital=hospital).model_version)
    page = Client(raise_request_exception=False)
    page.force_login(who(hospital))

    seen = crawl(page, "/")

    assert {address: status for address, status in seen.items() if status >= 400} == {}
    # how far the crawl went is counted by pages: the address of a next page changes with the second
    assert len({resolve(urlsplit(address).path).url_name for address in seen}) >= pages
