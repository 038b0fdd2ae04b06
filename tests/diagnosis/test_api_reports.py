"""The hospital report through the API."""

import csv
import io

import pytest

from clinic.models import AuditEvent
from tests.api_client import API, assert_problem, client, count_queries
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    ReviewFactory,
    doctor,
)

pytestmark = pytest.mark.django_db
REPORT = f"{API}/reports/hospital/"


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def api(hospital):
    return client(doctor(hospital))


@pytest.fixture
def image(hospital):
    return ImageFactory(lesion__patient__hospital=hospital)


def test_rows_and_totals(api, hospital, image) -> None:
    signed = ReviewFactory(request__image=image, signed=True)
    failed = DiagnosisRequestFactory(image=image, failed=True)
    DiagnosisRequestFactory(succeeded=True)
    body = api.get(REPORT).json()
    assert list(body) == ["totals", "rows", "next", "previous"]
    assert body["totals"] | {"seconds": None} == {
        "requests": 2,
        "by_status": {"failed": 1, "succeeded": 1},
        "labels": {"nevus": 1},
        "reviewed": 1,
        "agreed": 1,
        "seconds": None,
    }
    first, second = body["rows"]
    assert first["request"] == str(failed.pk)
    assert (first["label"], first["probability"], first["review"]) == (None, None, None)
    assert second | {"created_at": None, "thumbnail": None, "review": None} == {
        "request": str(signed.request_id),
        "image": str(image.pk),
        "thumbnail": None,
        "lesion": str(image.lesion_id),
        "patient": str(image.lesion.patient_id),
        "hospital": {"id": str(hospital.pk), "name": hospital.name},
        "label": "nevus",
        "label_name": "Nevus",
        "probability": 0.7,
        "malignancy_probability": pytest.approx(0.15),
        "status": "succeeded",
        "created_at": None,
        "review": None,
    }
    assert second["review"]["id"] == str(signed.pk)
    assert api.get(second["thumbnail"])["Content-Type"] == "image/jpeg"
    assert AuditEvent.objects.filter(action="view_hospital_report").count() == 1


def test_filters_and_pages(api, hospital, image) -> None:
    DiagnosisRequestFactory.create_batch(3, image=image, succeeded=True)
    DiagnosisRequestFactory(image=image, succeeded=True, prediction__label="melanoma")
    body = api.get(f"{REPORT}?label=nevus&page_size=2&hospital={hospital.pk}").json()
    assert (body["totals"]["requests"], len(body["rows"])) == (3, 2)
    rest = api.get(body["next"]).json()
    assert (rest["totals"]["requests"], len(rest["rows"]), rest["next"]) == (3, 1, None)
    assert api.get(f"{REPORT}?reviewed=true").json()["rows"] == []
    assert api.get(f"{REPORT}?to=2001-01-01").json()["totals"]["requests"] == 0


def test_csv_is_a_file_of_all_rows(api, image) -> None:
    DiagnosisRequestFactory.create_batch(3, image=image, succeeded=True)
    response = api.get(f"{REPORT}?format=csv&page_size=1", HTTP_ACCEPT="text/csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="hospital-report.csv"'
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert len(rows) == 3
    assert rows[0]["image"] == str(image.pk)
    assert AuditEvent.objects.filter(action="export_hospital_report").count() == 1


@pytest.mark.parametrize("wanted", ["xml", "PDF", "CSV"])
def test_an_unknown_format(api, wanted: str) -> None:
    assert_problem(api.get(f"{REPORT}?format={wanted}"), 400, "unknown_format", "format")


def test_a_period_that_is_reversed(api) -> None:
    query = "from=2026-02-01&to=2026-01-01"
    assert_problem(api.get(f"{REPORT}?{query}"), 400, "period_reversed", "to")


@pytest.mark.parametrize("wanted", ["json", "csv"])
def test_it_takes_the_same_queries_for_one_row_and_for_twenty(api, image, wanted: str) -> None:
    address = f"{REPORT}?format={wanted}"
    ReviewFactory(request__image=image, signed=True)
    one = count_queries(api, address)
    for _row in range(19):
        ReviewFactory(request__image=image, signed=True)
    assert count_queries(api, address) == one
