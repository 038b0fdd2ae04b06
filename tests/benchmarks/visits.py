"""The pages that the benchmark asks for, with how many queries each takes, as JSON on one line.

Runs in the environment of the installation: it makes sessions of a doctor and an administrator of
the largest hospital and of the smallest, finds records to look at, and counts queries with Django's
own client. What is looked at fills a page at every size: filters that leave more rows than a page
shows, and a patient with as many pictures.
"""

import json
from typing import Any

import django
from django.conf import settings

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Count  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils.crypto import get_random_string  # noqa: E402

from clinic import keyset  # noqa: E402
from clinic.models import AuditEvent, Hospital, Patient  # noqa: E402
from clinic.services.tokens import create_token  # noqa: E402
from clinic.views.paging import PAGE_SIZE  # noqa: E402
from diagnosis.models import Batch, DiagnosisRequest, ModelVersion  # noqa: E402
from diagnosis.services.worklist import RISKIEST_FIRST  # noqa: E402
from tests.factories import BatchFactory, BatchFileFactory, DiagnosisRequestFactory  # noqa: E402

CSRF = get_random_string(32)
# a class that the starter does not answer, and a name without a bearer
NO_CLASS, NOBODY = "squamous_cell_carcinoma", "zzzzzz"
PICTURES = 6


def main() -> None:
    users = get_user_model().objects
    doctor = users.get(username="filled-doctor-01-1")
    administrator = users.get(username="filled-administrator-01")
    search = reverse("patients")
    visits = [
        *(visit(name, path, doctor) for name, path in doctor_pages(doctor)),
        *(visit(name, path, doctor) for name, path in empty_pages()),
        *(visit(name, path, administrator) for name, path in administrator_pages(administrator)),
        visit("patient search", search, doctor, body=f"q={search_word(doctor)}"),
        visit("patient search, nobody", search, doctor, body=f"q={NOBODY}"),
        *(api_visit(name, path, doctor) for name, path in api_lists()),
        api_visit("api audit events", "/api/v1/audit-events/", administrator),
        *small_visits(),
    ]
    print(json.dumps(visits))


def small_visits() -> list[dict[str, Any]]:
    """The lists of a hospital that has very little beside others that have very much."""
    users = get_user_model().objects
    last = Hospital.objects.filter(name__startswith="Filled").order_by("-name")[0].name[-2:]
    doctor = users.get(username=f"filled-doctor-{last}-1")
    administrator = users.get(username=f"filled-administrator-{last}")
    pages = [
        ("worklist", reverse("worklist")),
        ("worklist, signed", f"{reverse('worklist')}?review=signed"),
        ("patients", reverse("patients")),
        ("recalls", reverse("recalls")),
        ("report, all", f"{reverse('hospital-report')}?from=&to="),
    ]
    log, lists = reverse("audit-log"), ("lesions", "images", "diagnoses")
    found = [
        *(visit(name, path, doctor) for name, path in pages),
        visit("audit log", log, administrator),
        *(api_visit(f"api {name}", f"/api/v1/{name}/", doctor) for name in lists),
    ]
    return [entry | {"name": f"small: {entry['name']}"} for entry in found]


def empty_pages() -> list[tuple[str, str]]:
    """Filters that match nothing in all the hospital has."""
    worklist, report = reverse("worklist"), reverse("hospital-report")
    return [
        ("worklist, no such class", f"{worklist}?label={NO_CLASS}"),
        ("signed, no such class", f"{worklist}?review=signed&label={NO_CLASS}"),
        ("report, no such day", f"{report}?from=1990-01-01&to=1990-12-31"),
    ]


def doctor_pages(user: Any) -> list[tuple[str, str]]:
    rows = DiagnosisRequest.objects.visible_to(user)
    waiting = seen_often(rows.unsigned().filter(status="succeeded")).order_by("-malignancy")[0]
    lesion = waiting.image.lesion
    worklist, report = reverse("worklist"), reverse("hospital-report")
    return [
        ("worklist", worklist),
        ("worklist, page 2", f"{worklist}?cursor={second_page(user)}"),
        ("worklist, class and risk", f"{worklist}?label=nevus&risk=low"),
        ("worklist, signed", f"{worklist}?review=signed"),
        ("patients", reverse("patients")),
        ("patient", reverse("patient", args=[lesion.patient_id])),
        ("lesion", reverse("lesion", args=[lesion.pk])),
        ("diagnosis", reverse("diagnosis", args=[waiting.pk])),
        ("new diagnosis", reverse("diagnosis-create")),
        ("batch of 500", reverse("batch", args=[full_batch(waiting.hospital).pk])),
        ("report, 30 days", report),
        ("report, a class", f"{report}?label=nevus"),
        ("recalls", reverse("recalls")),
        ("models", reverse("models")),
        ("model", reverse("model", args=[ModelVersion.objects.first().pk])),
        ("account", reverse("account")),
    ]


def full_batch(hospital: Hospital) -> Batch:
    """A new one, of as many pictures as one may have, each of a lesion of its own."""
    batch = BatchFactory(patient__hospital=hospital, model_version=ModelVersion.objects.first())
    for _ in range(settings.NEVUS_MAX_BATCH_FILES):
        image = BatchFileFactory(batch=batch).image
        DiagnosisRequestFactory(image=image, model_version=batch.model_version, succeeded=True)
    return batch


def seen_often(rows: Any) -> Any:
    """Those of patients with ``PICTURES`` images: their pages are alike at every size."""
    count = Count("image__lesion__patient__lesions__images", distinct=True)
    return rows.annotate(pictures=count).filter(pictures=PICTURES)


def administrator_pages(user: Any) -> list[tuple[str, str]]:
    log = reverse("audit-log")
    # far enough from the first event for a whole page
    known = Patient.objects.visible_to(user).earliest("created_at")
    deep = AuditEvent.objects.visible_to(user).order_by("at", "id")[100]
    return [
        ("audit log", log),
        ("audit log, an action", f"{log}?action=sign_review"),
        ("audit log, never done", f"{log}?action=retire_model"),
        ("audit log, a patient", f"{log}?object_id={known.medical_record_number}"),
        ("audit log, the oldest days", f"{log}?to={deep.at:%Y-%m-%d}"),
        ("staff", reverse("staff")),
        ("hospital settings", reverse("hospital-settings")),
    ]


def api_lists() -> list[tuple[str, str]]:
    return [
        ("api patients", "/api/v1/patients/"),
        ("api lesions", "/api/v1/lesions/"),
        ("api images", "/api/v1/images/"),
        ("api diagnoses", "/api/v1/diagnoses/"),
        ("api diagnoses by risk", "/api/v1/diagnoses/?ordering=-malignancy_probability"),
        ("api report, 2 months", f"/api/v1/reports/hospital/?from={two_months_ago()}"),
    ]


def two_months_ago() -> str:
    import datetime

    from django.utils import timezone

    return (timezone.localdate() - datetime.timedelta(days=60)).isoformat()


def second_page(user: Any) -> str:
    """The position at which the second page of the worklist begins."""
    waiting = DiagnosisRequest.objects.visible_to(user).unsigned()
    return keyset.slice_of(waiting, RISKIEST_FIRST, None, PAGE_SIZE).next or ""


def search_word(user: Any) -> str:
    return Patient.objects.visible_to(user).order_by("family_name").first().family_name


def signed_in(user: Any) -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def visit(name: str, path: str, user: Any, body: str = "") -> dict[str, Any]:
    client = signed_in(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    kind = "application/x-www-form-urlencoded"

    def ask() -> Any:
        if body:
            return client.post(path, body, content_type=kind, secure=True)
        return client.get(path, secure=True)

    headers = {
        "Cookie": f"{cookie}; {settings.CSRF_COOKIE_NAME}={CSRF}",
        "Referer": "https://127.0.0.1/",
    }
    return {
        "name": name,
        "path": path,
        "body": f"{body}&csrfmiddlewaretoken={CSRF}" if body else "",
        "headers": headers,
        "queries": count(ask),
    }


def api_visit(name: str, path: str, user: Any) -> dict[str, Any]:
    secret = create_token(actor=user, user=user, scopes=["read", "admin"])[1]
    headers = {"Authorization": f"Bearer {secret}"}
    client = Client(SERVER_NAME="127.0.0.1", headers=headers)
    queries = count(lambda: client.get(path, secure=True))
    return {"name": name, "path": path, "body": "", "headers": headers, "queries": queries}


def count(ask: Any) -> int:
    # the first request of a session or token notes that it was used
    ask()
    with CaptureQueriesContext(connection) as captured:
        response = ask()
    if response.status_code != 200:
        raise SystemExit(f"{response.request['PATH_INFO']} answered {response.status_code}")
    return len(captured)


if __name__ == "__main__":
    main()
