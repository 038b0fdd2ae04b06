"""The pages that the benchmark asks for, with how many queries each takes, as JSON on one line.

Runs in the environment of the installation: it makes a session of the largest hospital's doctor and
administrator, finds records to look at, and counts queries with Django's own client.
"""

import json
from typing import Any

import django
from django.conf import settings

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils.crypto import get_random_string  # noqa: E402

from clinic import keyset  # noqa: E402
from clinic.models import AuditEvent, Patient  # noqa: E402
from clinic.services.tokens import create_token  # noqa: E402
from clinic.views.paging import PAGE_SIZE  # noqa: E402
from diagnosis.models import DiagnosisRequest, ModelVersion  # noqa: E402
from diagnosis.services.worklist import RISKIEST_FIRST  # noqa: E402

CSRF = get_random_string(32)


def main() -> None:
    users = get_user_model().objects
    doctor = users.get(username="filled-doctor-01-1")
    administrator = users.get(username="filled-administrator-01")
    visits = [
        *(visit(name, path, doctor) for name, path in doctor_pages(doctor)),
        *(visit(name, path, administrator) for name, path in administrator_pages(administrator)),
        visit("patient search", reverse("patients"), doctor, body=f"q={search_word(doctor)}"),
        *(api_visit(name, path, doctor) for name, path in api_lists()),
        api_visit("api audit events", "/api/v1/audit-events/", administrator),
    ]
    print(json.dumps(visits))


def doctor_pages(user: Any) -> list[tuple[str, str]]:
    rows = DiagnosisRequest.objects.visible_to(user)
    waiting = rows.unsigned().filter(status="succeeded").order_by("-malignancy").first()
    lesion = waiting.image.lesion
    worklist, report = reverse("worklist"), reverse("hospital-report")
    return [
        ("worklist", worklist),
        ("worklist, page 2", f"{worklist}?cursor={second_page(user)}"),
        ("worklist, class and risk", f"{worklist}?label=melanoma&risk=high"),
        ("worklist, signed", f"{worklist}?review=signed"),
        ("patients", reverse("patients")),
        ("patient", reverse("patient", args=[lesion.patient_id])),
        ("lesion", reverse("lesion", args=[lesion.pk])),
        ("diagnosis", reverse("diagnosis", args=[waiting.pk])),
        ("new diagnosis", reverse("diagnosis-create")),
        ("report, 30 days", report),
        ("report, a class", f"{report}?label=dermatofibroma"),
        ("models", reverse("models")),
        ("model", reverse("model", args=[ModelVersion.objects.first().pk])),
        ("account", reverse("account")),
    ]


def administrator_pages(user: Any) -> list[tuple[str, str]]:
    log = reverse("audit-log")
    deep = AuditEvent.objects.visible_to(user).order_by("at", "id")[0]
    return [
        ("audit log", log),
        ("audit log, an action", f"{log}?action=view_hospital_report"),
        ("audit log, the oldest day", f"{log}?to={deep.at:%Y-%m-%d}"),
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
