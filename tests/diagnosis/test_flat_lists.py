"""What a list reads depends on its page and not on what other hospitals have, nor on the rows that
a filter leaves out."""

from collections.abc import Callable, Iterator
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clinic.models import Hospital, Image, Patient, User
from clinic.permissions import forget_roles
from diagnosis.demo.fill import tables
from diagnosis.models import ModelVersion
from tests.api_client import API, client
from tests.factories import HospitalFactory, MembershipFactory, administrator, doctor
from tests.support.plans import Read, read_by
from tests.threads import needs_postgresql

pytestmark = pytest.mark.django_db

# a page of fifty with what is joined to each row, or all of the small hospital once in an index and
# once in its table; of the others' images alone there are 2,800
MOST = 450
# of which an installation has few, however many patients it has
SHORT_TABLES = ("clinic_hospital", "clinic_user", "clinic_membership", "diagnosis_modelversion")
NO_CLASS = "squamous_cell_carcinoma"  # nobody's: the starter does not answer it
PAGES = {
    "worklist": "/",
    "signed": "/?review=signed",
    "cancelled": "/?state=cancelled",
    "patients": "/patients/",
    "recalls": "/recalls/",
    "overdue recalls": "/recalls/?overdue=on",
    "new diagnosis": "/diagnoses/new/",
    "new batch": "/batches/new/",
    "report of long ago": "/reports/hospital/?from=1990-01-01&to=1990-12-31",
}
LISTS = {
    "patients": "patients/",
    "lesions": "lesions/",
    "images": "images/",
    "diagnoses": "diagnoses/",
    "oldest diagnoses": "diagnoses/?ordering=created_at",
    "diagnoses by risk": "diagnoses/?ordering=-malignancy_probability",
    "diagnoses by falling risk": "diagnoses/?ordering=malignancy_probability",
}
# of a hospital with two hundred images, whatever is asked for
SMALL_PAGES = {
    "no such class": f"/?review=signed&label={NO_CLASS}",
    "nothing overdue": "/?overdue=on",
    "report": "/reports/hospital/",
    "report of all": "/reports/hospital/?from=&to=",
    "report, no such class": f"/reports/hospital/?from=&to=&label={NO_CLASS}",
    "csv, no such class": f"/reports/hospital.csv?label={NO_CLASS}",
    "models": "/models/",
}
SMALL_LISTS = {
    "a search": "patients/?search=b",
    "nobody": "patients/?search=zzzzzz",
    "no such class": f"diagnoses/?label={NO_CLASS}",
    "none that waits": "diagnoses/?status=queued",
    "report": "reports/hospital/",
}
LOGS = {
    "log": "/administration/audit/",
    "never done": "/administration/audit/?action=retire_model",
    "long ago": "/administration/audit/?to=1990-12-31",
}


@pytest.fixture(scope="module")
def people(django_db_setup, django_db_blocker) -> Iterator[SimpleNamespace]:
    """Two large hospitals, one of 200 images and one without any, and who works there.

    Filled once and not rolled back, so that the database knows its tables as after a VACUUM.
    Emptied first: what earlier tests took back has left its pages in the indexes, and an index of
    five rows on a thousand pages is not chosen.
    """
    with django_db_blocker.unblock():
        needs_postgresql()
        call_command("flush", interactive=False, verbosity=0)
        call_command("fill", patients=600, stdout=StringIO())
        yield make_people()
        call_command("flush", interactive=False, verbosity=0)


def make_people() -> SimpleNamespace:
    first, _second, last = Hospital.objects.filter(name__startswith="Filled").order_by("name")
    large, both = doctor(first), doctor(first)
    MembershipFactory(user=both, hospital=last)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO diagnosis_batch (id, created_at, image_type, lesion_id, patient_id, "
            "hospital_id, created_by_id, model_version_id) SELECT id, created_at, 'dermoscopic', "
            "id, patient_id, hospital_id, %s, %s FROM clinic_lesion",
            [large.pk, ModelVersion.objects.get().pk],
        )
    tables.tidy()
    doctors = {"large": large, "small": doctor(last), "none": doctor(HospitalFactory())}
    administrators = {"large": administrator(first), "small": administrator(last)}
    return SimpleNamespace(
        doctors=doctors | {"both": both}, administrators=administrators, small=last
    )


@pytest.fixture
def filled(people, db) -> SimpleNamespace:
    with connection.cursor() as cursor:
        # tables as small as these would be read whole, and nothing would be learned
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    for user in (*people.doctors.values(), *people.administrators.values()):
        forget_roles(user)
    return people


@pytest.fixture
def in_order(filled) -> SimpleNamespace:
    """Rows are read in the order of an index, as where there are too many to be sorted."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    return filled


def reads(ask: Callable[[str], Any], address: str) -> list[Read]:
    """What each query of the answer read."""
    # the first request of a session or token notes that it was used
    ask(address)
    with CaptureQueriesContext(connection) as captured:
        response = ask(address)
        assert response.status_code == 200
        assert b"".join(response) is not None
    queries = [entry["sql"] for entry in captured.captured_queries]
    # of a cursor, the query that it steps through
    queries = [
        sql[sql.index("SELECT") :] for sql in queries if sql.startswith(("SELECT", "DECLARE"))
    ]
    return [read_by(sql, apart=SHORT_TABLES) for sql in queries if "FOR UPDATE" not in sql]


def browser(user: User) -> Callable[[str], Any]:
    page = Client()
    page.force_login(user)
    return page.get


def api(user: User) -> Callable[[str], Any]:
    found = client(user)
    return lambda path: found.get(API + "/" + path)


def too_much(who: str, ask: Callable[[str], Any], addresses: dict[str, str]) -> list[str]:
    return [
        f"{who}, {name}: {read.rows} rows of {sorted(read.sources)} by {read.query}"
        for name, address in addresses.items()
        for read in reads(ask, address)
        if read.rows > MOST
    ]


def test_nobody_reads_what_others_have(filled) -> None:
    assert Image.objects.filter(hospital=filled.small).count() == 200
    assert Image.objects.count() == 3000
    found = []
    for who, user in filled.doctors.items():
        found += too_much(who, browser(user), PAGES) + too_much(who, api(user), LISTS)
    for who in ("small", "none"):
        user = filled.doctors[who]
        found += too_much(who, browser(user), SMALL_PAGES) + too_much(who, api(user), SMALL_LISTS)
    for who, user in filled.administrators.items():
        patient = Patient.objects.visible_to(user).earliest("created_at")
        named = (patient.medical_record_number, patient.pk, str(patient.pk)[:8])
        whose = {f"of {name}": f"/administration/audit/?object_id={name}" for name in named}
        found += too_much(who, browser(user), LOGS | whose)
    model = reverse("model", args=[ModelVersion.objects.get().pk])
    found += too_much("small", browser(filled.doctors["small"]), {"model": model})
    assert found == []


# each list with the index that has its rows in order
INDEXES = {
    "patients/": "patient_of_hospital",
    "lesions/": "lesion_of_hospital",
    "images/": "image_of_hospital",
    "batches/": "batch_of_hospital",
    "diagnoses/": "request_by_hospital",
    "diagnoses/?ordering=created_at": "request_by_hospital",
    "diagnoses/?ordering=-malignancy_probability": "request_by_malignancy",
    "diagnoses/?ordering=malignancy_probability": "request_by_malignancy",
}


def test_the_keys_of_a_page_are_a_range_of_an_index(in_order) -> None:
    size = 50
    for user in (in_order.doctors["large"], in_order.doctors["small"]):
        for address, index in INDEXES.items():
            # the keys of one row more than the page has
            (keys,) = [r for r in reads(api(user), address) if f"LIMIT {size + 1}" in r.query]
            assert keys.sources == {index}, address
            assert keys.rows <= size + 1, address


def test_so_are_the_patients_by_name(in_order) -> None:
    ask = browser(in_order.doctors["large"])
    following = ask(PAGES["patients"]).context["page"].next
    for address in (PAGES["patients"], f"{PAGES['patients']}?cursor={following}"):
        (keys,) = [read for read in reads(ask, address) if "LIMIT 26" in read.query]
        assert keys.sources == {"patient_in_order"}, address
        # beside the page, those of the same family who stand before it
        assert keys.rows <= 2 * 26, address


@pytest.fixture
def index_alone(in_order) -> SimpleNamespace:
    """No rows are fetched for what stands in an index, whatever the database guesses of both."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
    return in_order


@pytest.mark.parametrize(
    "filters",
    [f"label={NO_CLASS}", "status=failed", "reviewed=true&label=nevus", "to=2001-01-01"],
)
def test_a_filter_is_looked_for_in_an_index_alone(index_alone, filters: str) -> None:
    """The rows of the hospital are not fetched to find out which are wanted."""
    found = reads(api(index_alone.doctors["large"]), f"diagnoses/?{filters}")
    (keys,) = [read for read in found if "LIMIT 51" in read.query]
    assert keys.kinds == {"Index Only Scan"}


@pytest.mark.parametrize("review", ["", "&review=signed", "&review=all"])
def test_so_are_those_of_the_worklist(index_alone, review: str) -> None:
    large = browser(index_alone.doctors["large"])
    found = reads(large, f"/?label=nevus&risk=high&state=succeeded{review}")
    (keys,) = [read for read in found if "LIMIT 26" in read.query]
    assert keys.kinds == {"Index Only Scan"}
