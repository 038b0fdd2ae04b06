"""Lists in pages: every row once, whatever happens meanwhile."""

import datetime
import itertools

import pytest
from django.utils import timezone

from clinic import keyset
from clinic.models import Lesion, Patient
from diagnosis.models import DiagnosisRequest
from tests.api_client import API, assert_problem, client
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    MembershipFactory,
    PatientFactory,
    doctor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def api(hospital):
    return client(doctor(hospital))


def ids(page: dict) -> list[str]:
    return [row["id"] for row in page["results"]]


def flat(pages: list[list[str]]) -> list[str]:
    return list(itertools.chain.from_iterable(pages))


def walk(api, address: str, link: str = "next") -> list[list[str]]:
    """The identifiers of each page from this one on."""
    pages, found = [], address
    while found:
        page = api.get(found).json()
        pages.append(ids(page))
        found = page[link]
        assert len(pages) < 50
    return pages


def test_there_and_back_again(api, hospital) -> None:
    rows = PatientFactory.create_batch(7, hospital=hospital)
    expected = [str(row.pk) for row in reversed(rows)]
    pages = walk(api, f"{API}/patients/?page_size=3")
    assert pages == [expected[:3], expected[3:6], expected[6:]]
    second = api.get(api.get(f"{API}/patients/?page_size=3").json()["next"]).json()
    last = api.get(second["next"]).json()
    assert walk(api, last["previous"], "previous") == [expected[3:6], expected[:3]]
    first = api.get(second["previous"]).json()
    assert (ids(first), first["previous"]) == (expected[:3], None)
    assert first["next"] is not None


def test_rows_that_come_meanwhile_shift_nothing(api, hospital) -> None:
    rows = PatientFactory.create_batch(6, hospital=hospital)
    expected = [str(row.pk) for row in reversed(rows)]
    page = api.get(f"{API}/patients/?page_size=2").json()
    PatientFactory.create_batch(3, hospital=hospital)
    assert ids(page) + flat(walk(api, page["next"])) == expected


def test_rows_of_the_same_moment_are_all_there(api, hospital) -> None:
    moment = timezone.now()
    rows = PatientFactory.create_batch(9, hospital=hospital, created_at=moment)
    pages = walk(api, f"{API}/patients/?page_size=2")
    assert flat(pages) == sorted(str(row.pk) for row in rows)


@pytest.mark.parametrize("ordering", ["-malignancy_probability", "malignancy_probability"])
def test_requests_without_a_reading_have_their_place(api, hospital, ordering: str) -> None:
    image = ImageFactory(lesion__patient__hospital=hospital)
    for value in (0.5, 0.1, 0.9, 0.5, 0.0):
        DiagnosisRequestFactory(
            image=image, succeeded=True, prediction__malignancy_probability=value
        )
    DiagnosisRequestFactory.create_batch(4, image=image, failed=True)
    found = flat(walk(api, f"{API}/diagnoses/?page_size=2&ordering={ordering}"))
    assert sorted(found) == sorted(str(row.pk) for row in DiagnosisRequest.objects.all())
    values = {
        str(row.pk): row.prediction.malignancy_probability if row.prediction else -1
        for row in DiagnosisRequest.objects.select_related("prediction")
    }
    falling = ordering.startswith("-")
    assert [values[pk] for pk in found] == sorted(values.values(), reverse=falling)
    # equally malignant ones stand in the order of their identifiers, and the other way round too
    falling_first = found if falling else found[::-1]
    assert falling_first == sorted(found, key=lambda pk: (-values[pk], pk))


def test_a_reading_that_arrives_meanwhile_is_seen_at_most_once(api, hospital) -> None:
    image = ImageFactory(lesion__patient__hospital=hospital)
    start = timezone.now() - datetime.timedelta(hours=1)
    for number in range(6):
        at = start + datetime.timedelta(minutes=number)
        DiagnosisRequestFactory(image=image, cancelled=True, created_at=at)
    page = api.get(f"{API}/diagnoses/?page_size=2&ordering=created_at").json()
    assert page["results"][0]["created_at"] < page["results"][1]["created_at"]
    rest = flat(walk(api, page["next"]))
    assert len(set(ids(page) + rest)) == 6


def test_the_lists_of_several_hospitals_are_one(hospital) -> None:
    user = doctor(hospital)
    others = [membership.hospital for membership in MembershipFactory.create_batch(2, user=user)]
    api, places = client(user), [hospital, others[0], hospital, others[0], hospital]
    rows = [PatientFactory(hospital=place) for place in places]
    PatientFactory()
    expected = [str(row.pk) for row in reversed(rows)]
    assert walk(api, f"{API}/patients/?page_size=2") == [expected[:2], expected[2:4], expected[4:]]
    # of one of them, and of one that has none
    of_first = [
        pk for pk, place in zip(expected, reversed(places), strict=True) if place == hospital
    ]
    assert flat(walk(api, f"{API}/patients/?page_size=2&hospital={hospital.pk}")) == of_first
    assert walk(api, f"{API}/patients/?hospital={others[1].pk}") == [[]]


@pytest.mark.parametrize("size", ["0", "-1", "many", "1.5", "٣", "9" * 30])
def test_a_page_size_that_is_none(api, size: str) -> None:
    assert_problem(api.get(f"{API}/patients/?page_size={size}"), 400, "invalid", "page_size")


def test_a_page_holds_a_hundred_rows_at_most(api, hospital) -> None:
    PatientFactory.create_batch(101, hospital=hospital)
    page = api.get(f"{API}/patients/?page_size=5000").json()
    assert len(page["results"]) == 100
    assert len(api.get(f"{API}/patients/").json()["results"]) == 50


def test_a_cursor_belongs_to_its_list(api, hospital) -> None:
    PatientFactory.create_batch(3, hospital=hospital)
    assert_problem(api.get(f"{API}/patients/?cursor=x"), 400, "invalid_cursor", "cursor")
    address = api.get(f"{API}/patients/?page_size=1").json()["next"]
    cursor = address.partition("cursor=")[2].partition("&")[0]
    other = api.get(f"{API}/diagnoses/?ordering=created_at&cursor={cursor}")
    assert_problem(other, 400, "invalid_cursor", "cursor")
    for changed in (cursor[:-5], cursor.swapcase(), "ñ"):
        answer = api.get(f"{API}/patients/?cursor={changed}")
        assert_problem(answer, 400, "invalid_cursor", "cursor")


@pytest.mark.parametrize(
    "other",
    [
        *("patients/?", "lesions/?", "images/?", "batches/?", "models/?", "tokens/?"),
        *("reports/hospital/?", "diagnoses/?reviewed=false&", "diagnoses/?ordering=created_at&"),
    ],
)
def test_a_cursor_of_one_list_begins_no_other(api, hospital, other: str) -> None:
    image = ImageFactory(lesion__patient__hospital=hospital)
    DiagnosisRequestFactory.create_batch(3, image=image, cancelled=True)
    following = api.get(f"{API}/diagnoses/?page_size=1&status=").json()["next"]
    cursor = following.partition("cursor=")[2].partition("&")[0]
    answer = api.get(f"{API}/{other}cursor={cursor}")
    assert_problem(answer, 400, "invalid_cursor", "cursor")
    # it is its own list's, however long the page
    assert len(ids(api.get(f"{API}/diagnoses/?page_size=5&cursor={cursor}").json())) == 2


def test_a_position_in_one_list_is_none_in_a_list_of_other_records(hospital) -> None:
    lesion, ordering = LesionFactory(patient__hospital=hospital), ("-created_at", "id")
    text = keyset.write_cursor(lesion, ordering, backwards=False)
    assert keyset.read_cursor(text, Lesion, ordering) is not None
    assert keyset.read_cursor(text, Patient, ordering) is None


def test_links_keep_the_filters(api, hospital) -> None:
    PatientFactory.create_batch(3, hospital=hospital, family_name="Alfa")
    PatientFactory.create_batch(3, hospital=hospital, family_name="Bravo")
    pages = walk(api, f"{API}/patients/?search=alfa&page_size=2&hospital={hospital.pk}")
    assert [len(page) for page in pages] == [2, 1]
