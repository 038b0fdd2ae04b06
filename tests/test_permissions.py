"""Every page and form, by who asks: a table of the HTTP status that each person gets.

302 is the redirect of a form that worked, "in" the one to the sign-in page. What another hospital's
doctor may not see does not exist: 404, never 403.
"""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from clinic.services.invitations import digest_of
from clinic.services.tokens import create_token
from diagnosis.models import ModelPolicy
from tests.factories import (
    BatchFileFactory,
    DiagnosisRequestFactory,
    HeatMapFactory,
    HospitalFactory,
    InvitationFactory,
    ModelPolicyFactory,
    ReviewFactory,
    administrator,
    doctor,
    integration,
    jpeg_bytes,
    member,
)

pytestmark = pytest.mark.django_db

SECRET = "of-an-invitation"
WHO = ("anonymous", "doctor", "elsewhere", "administrator", "integration")
# what is asked, and the answer to anonymous, doctor, elsewhere, administrator, integration
TABLE = {
    "GET worklist": ("in", 200, 200, 200, 200),
    "GET patients": ("in", 200, 200, 200, 200),
    "GET patient-create": ("in", 200, 200, 403, 200),
    "POST patient-create": ("in", 302, 302, 403, 302),
    "GET patient": ("in", 200, 404, 200, 200),
    "GET patient-edit": ("in", 200, 404, 403, 200),
    "POST patient-edit": ("in", 302, 404, 403, 302),
    "GET patient-report-pdf": ("in", 200, 404, 200, 200),
    "GET lesion-create": ("in", 200, 404, 403, 200),
    "POST lesion-create": ("in", 302, 404, 403, 302),
    # the figure holds no record
    "GET body-map": (200, 200, 200, 200, 200),
    "GET lesion": ("in", 200, 404, 200, 200),
    "GET histopathology-create": ("in", 200, 404, 403, 200),
    "POST histopathology-create": ("in", 302, 404, 403, 302),
    "GET recalls": ("in", 200, 200, 200, 200),
    "GET lesion-edit": ("in", 200, 404, 403, 200),
    "POST lesion-edit": ("in", 302, 404, 403, 302),
    **{
        f"GET {noun}-entered-in-error": ("in", 200, 404, 403, 200)
        for noun in ("patient", "lesion", "image")
    },
    **{
        f"POST {noun}-entered-in-error": ("in", 302, 404, 403, 302)
        for noun in ("patient", "lesion", "image")
    },
    # of what stands there is nothing to reinstate
    **{
        f"POST {noun}-reinstate": ("in", 409, 404, 403, 409)
        for noun in ("patient", "lesion", "image")
    },
    "GET image-file": ("in", 200, 404, 200, 200),
    "POST image-size": ("in", 302, 404, 403, 302),
    "GET image-thumbnail": ("in", 200, 404, 200, 200),
    "GET diagnosis-create": ("in", 200, 200, 403, 200),
    "POST diagnosis-create": ("in", 302, 409, 403, 302),
    "POST diagnosis-patient": ("in", 200, 200, 403, 200),
    "GET diagnosis": ("in", 200, 404, 200, 200),
    "GET diagnosis-answer": ("in", 200, 404, 200, 200),
    "GET diagnosis-heat-map": ("in", 200, 404, 200, 200),
    "GET diagnosis-heat-map-picture": ("in", 200, 404, 200, 200),
    "POST diagnosis-review": ("in", 302, 404, 403, 403),
    "POST diagnosis-cancel": ("in", 302, 404, 403, 302),
    "POST diagnosis-order-again": ("in", 302, 404, 403, 302),
    "GET batch-create": ("in", 200, 200, 403, 200),
    "POST batch-create": ("in", 302, 409, 403, 302),
    "POST batch-patient": ("in", 200, 200, 403, 200),
    "GET batch": ("in", 200, 404, 200, 200),
    "POST batch-file": ("in", 201, 404, 403, 201),
    "POST batch-repeat": ("in", 302, 404, 403, 302),
    "POST batch-forget": ("in", 302, 404, 403, 302),
    "GET hospital-report": ("in", 200, 200, 200, 200),
    "GET hospital-report-csv": ("in", 200, 200, 200, 200),
    "GET hospital-report-pdf": ("in", 200, 200, 200, 200),
    "GET hospital-report-zip": ("in", 200, 200, 200, 200),
    "POST patients": ("in", 200, 200, 200, 200),
    "GET staff": ("in", 403, 403, 200, 403),
    "POST staff": ("in", 403, 403, 200, 403),
    "POST role-give": ("in", 403, 403, 302, 403),
    "POST role-take": ("in", 403, 403, 302, 403),
    "POST access-end": ("in", 403, 403, 302, 403),
    "POST invitation-revoke": ("in", 403, 403, 302, 403),
    "GET invitation": (200, 200, 200, 200, 200),
    "GET audit-log": ("in", 403, 403, 200, 403),
    "GET audit-log-csv": ("in", 403, 403, 200, 403),
    "GET hospital-settings": ("in", 403, 403, 200, 403),
    "POST hospital-settings": ("in", 403, 403, 302, 403),
    "GET models": ("in", 200, 200, 200, 200),
    "GET model": ("in", 200, 200, 200, 200),
    "POST model-activate": ("in", 403, 404, 302, 403),
    "POST model-retire": ("in", 403, 404, 302, 403),
    "GET account": ("in", 200, 200, 200, 200),
    "POST account": ("in", 200, 200, 200, 200),
    "POST token-revoke": ("in", 302, 404, 404, 404),
    "GET password-change": ("in", 200, 200, 200, 200),
    "GET unsent": ("in", 302, 302, 302, 302),
    "GET too-large": (413, 413, 413, 413, 413),
    "GET api-too-large": (413, 413, 413, 413, 413),
    "GET sign-in": (200, 302, 302, 302, 302),
    "POST sign-out": (302, 302, 302, 302, 302),
    "POST set_language": (302, 302, 302, 302, 302),
}
ROWS = [
    (what, who, status)
    for what, answers in TABLE.items()
    for who, status in zip(WHO, answers, strict=True)
]


@pytest.fixture
def hospital():
    hospital = HospitalFactory()
    ModelPolicyFactory(hospital=hospital)
    return hospital


@pytest.fixture
def people(hospital):
    elsewhere = HospitalFactory()
    return {
        "doctor": doctor(hospital),
        "elsewhere": doctor(elsewhere),
        "administrator": administrator(hospital),
        "integration": integration(hospital),
    }


@pytest.fixture
def records(hospital, people):
    queued = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    read = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    failed = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, failed=True)
    ReviewFactory(request=read)
    HeatMapFactory(request=read, drawn=True)
    file = BatchFileFactory(batch__patient=failed.image.lesion.patient, image=failed.image)
    token = create_token(actor=people["doctor"], user=people["doctor"], scopes=["read"])[0]
    colleague = member(hospital, "doctor")
    return {
        "queued": queued,
        "read": read,
        "failed": failed,
        "token": token,
        "batch": file.batch,
        "file": file,
        "refused": BatchFileFactory(batch=file.batch, refused=True),
        "colleague": colleague,
        "role": colleague.memberships.get(),
        "invitation": InvitationFactory(hospital=hospital, digest=digest_of(SECRET)),
        "reads": ModelPolicy.objects.get(hospital=hospital).model_version,
    }


def key_of(name: str, records):
    """The record that the address names, None for an address without one."""
    if name == "batch-repeat":
        return records["batch"].pk, records["file"].pk
    if name == "batch-forget":
        return records["batch"].pk, records["refused"].pk
    row = records["read"]
    image = row.image
    of_record = {"patient": image.lesion.patient_id, "lesion": image.lesion_id, "image": image.pk}
    if name.endswith(("-entered-in-error", "-reinstate")):
        return of_record[name.split("-")[0]]
    return {
        "patient": row.image.lesion.patient_id,
        "patient-edit": row.image.lesion.patient_id,
        "patient-report-pdf": row.image.lesion.patient_id,
        "lesion-create": row.image.lesion.patient_id,
        "batch": records["batch"].pk,
        "batch-file": records["batch"].pk,
        "body-map": "front",
        "lesion": row.image.lesion_id,
        "lesion-edit": row.image.lesion_id,
        "histopathology-create": row.image.lesion_id,
        "image-file": row.image_id,
        "image-size": row.image_id,
        "image-thumbnail": row.image_id,
        "diagnosis": row.pk,
        "diagnosis-answer": row.pk,
        "diagnosis-heat-map": row.pk,
        "diagnosis-heat-map-picture": row.pk,
        "diagnosis-review": row.pk,
        "diagnosis-cancel": records["queued"].pk,
        "diagnosis-order-again": records["failed"].pk,
        "model": row.model_version_id,
        "model-activate": row.model_version_id,
        "model-retire": records["reads"].pk,
        "token-revoke": records["token"].pk,
        "role-give": records["colleague"].pk,
        "role-take": records["role"].pk,
        "access-end": records["colleague"].pk,
        "invitation-revoke": records["invitation"].pk,
        "invitation": SECRET,
    }.get(name)


def data_of(name: str, hospital) -> dict:
    """A form that is right, so that only the person decides."""
    new_patient = {"medical_record_number": "new", "sex": "female"}
    return {
        "patient-create": new_patient,
        "patient-edit": new_patient,
        "lesion-create": {"anatom_site": "head/neck"},
        "lesion-edit": {"anatom_site": "head/neck"},
        **{
            f"{noun}-entered-in-error": {"reason": "test"}
            for noun in ("patient", "lesion", "image")
        },
        "image-size": {"diameter_mm": "4"},
        "histopathology-create": {
            "diagnosis": "nevus",
            "confirmed_by": "Laboratory",
            "date": "2026-05-04",
        },
        "diagnosis-create": new_patient
        | {"image_type": "dermoscopic", "file": SimpleUploadedFile("a.jpg", jpeg_bytes(seed=99))},
        "batch-create": new_patient
        | {"image_type": "dermoscopic", "files": SimpleUploadedFile("a.jpg", jpeg_bytes(seed=99))},
        "batch-patient": {"medical_record_number": "new"},
        "batch-file": {"file": SimpleUploadedFile("a.jpg", jpeg_bytes(seed=99))},
        "diagnosis-patient": {"medical_record_number": "new"},
        "diagnosis-review": {"conclusion": "nevus", "management": "none", "sign": "1"},
        "model-activate": {"hospital": str(hospital.pk)},
        "model-retire": {"hospital": str(hospital.pk)},
        "patients": {"q": "MRN"},
        "staff": {"name": "Somebody", "role": "doctor"},
        "role-give": {"role": "administrator"},
        "hospital-settings": {"alarm_hours": "12"},
        "account": {"name": "archive", "scopes": ["read"], "days": 30},
    }.get(name, {})


@pytest.mark.parametrize(("what", "who", "status"), ROWS, ids=[f"{w} by {p}" for w, p, _ in ROWS])
def test_permissions(what, who, status, hospital, people, records):
    method, name = what.split()
    client = Client()
    if who != "anonymous":
        client.force_login(people[who])
    key = key_of(name, records)
    keys = key if isinstance(key, tuple) else [key] if key else []
    address = reverse(name, args=keys)

    if method == "POST":
        # what the script sends with every file
        headers = {"Idempotency-Key": "k"}
        response = client.post(address, data_of(name, hospital), headers=headers)
    else:
        response = client.get(address)

    if status == "in":
        assert (response.status_code, response["Location"]) == (
            302,
            f"{reverse('sign-in')}?next={address}",
        )
    else:
        assert response.status_code == status


def pages(patterns=None) -> list[str]:
    """The names of our own pages: not the admin, the API or the health checks."""
    found: list[str] = []
    for pattern in patterns or get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and str(pattern.pattern) not in ("admin/", "api/v1/"):
            found += pages(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            found.append(pattern.name)
    return found


def test_the_table_holds_every_page():
    listed = {what.split()[1] for what in TABLE}
    ours = {name for name in pages() if name not in {"live", "ready", "web", "metrics"}}

    assert ours - listed == set()


def test_a_disabled_account_sees_nothing(hospital, people, records):
    client = Client()
    client.force_login(people["doctor"])
    people["doctor"].is_active = False
    people["doctor"].save()

    response = client.get(reverse("patient", args=[key_of("patient", records)]))

    assert response.status_code == 302


def test_a_role_taken_away_counts_at_once(people, records):
    client = Client()
    client.force_login(people["doctor"])
    people["doctor"].memberships.all().delete()

    response = client.get(reverse("diagnosis", args=[records["read"].pk]))

    assert response.status_code == 404


def test_lists_show_no_other_hospital(people, records):
    client = Client()
    client.force_login(people["elsewhere"])
    number = records["read"].image.lesion.patient.medical_record_number

    for name in ("worklist", "patients", "hospital-report"):
        assert number not in client.get(reverse(name)).content.decode()
    csv = b"".join(client.get(reverse("hospital-report-csv")).streaming_content).decode()
    assert number not in csv
    found = client.post(reverse("diagnosis-patient"), {"medical_record_number": number})
    assert "Known" not in found.content.decode()


def test_an_administrator_of_another_hospital_administers_nothing_here(hospital, records):
    client = Client()
    client.force_login(administrator(HospitalFactory()))

    for name in ("role-give", "role-take", "access-end", "invitation-revoke", "model-retire"):
        address = reverse(name, args=[key_of(name, records)])
        assert client.post(address, data_of(name, hospital)).status_code == 404, name
    for name in ("staff", "hospital-settings", "audit-log", "audit-log-csv"):
        address = f"{reverse(name)}?hospital={hospital.pk}"
        assert client.get(address).status_code == 404, name
    for name in ("staff", "hospital-settings"):
        data = data_of(name, hospital) | {"hospital": str(hospital.pk)}
        assert client.post(reverse(name), data).status_code == 404, name
    colleague = records["colleague"]
    assert [entry.role for entry in colleague.memberships.all()] == ["doctor"]


def test_the_operator_sees_no_clinical_record(records):
    operator = doctor(HospitalFactory(), is_staff=True, is_superuser=True)
    operator.memberships.all().delete()
    client = Client()
    client.force_login(operator)

    assert client.get(reverse("diagnosis", args=[records["read"].pk])).status_code == 404
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/clinic/patient/").status_code == 404


def test_a_fragment_of_somebody_signed_out_loads_the_page_again(records):
    address = reverse("diagnosis-answer", args=[records["queued"].pk])

    response = Client().get(address, headers={"HX-Request": "true"})

    assert (response.status_code, response["HX-Refresh"]) == (401, "true")


def test_a_form_of_somebody_signed_out_stays_in_the_page():
    """Loading it again would lose what was typed."""
    response = Client().post(reverse("diagnosis-create"), headers={"HX-Request": "true"})

    assert response.status_code == 401
    assert "HX-Refresh" not in response
