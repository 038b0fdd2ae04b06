"""Who gets what from which endpoint: every endpoint by role by hospital, and by scope."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from clinic.models import Hospital, Scope, User
from tests.api_client import API, assert_problem, client
from tests.factories import (
    BatchFileFactory,
    DiagnosisRequestFactory,
    HeatMapFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    PatientFactory,
    UserFactory,
    administrator,
    doctor,
    integration,
    jpeg_bytes,
)

pytestmark = pytest.mark.django_db

# the columns of the table
WHO: dict[str, Callable[[Hospital, Hospital], User]] = {
    "doctor": lambda home, _away: doctor(home),
    "administrator": lambda home, _away: administrator(home),
    "integration": lambda home, _away: integration(home),
    "doctor of the other hospital": lambda _home, away: doctor(away),
    "administrator of the other hospital": lambda _home, away: administrator(away),
    "nobody": lambda _home, _away: UserFactory(),
    "operator": lambda _home, _away: UserFactory(is_superuser=True, is_staff=True),
}
OUTSIDE = 4


class Row(NamedTuple):
    """An endpoint, what the doctor, the administrator and the integration of the record's
    hospital get, and what all others get."""

    method: str
    path: str
    doctor: int
    administrator: int
    integration: int
    others: int
    scope: str
    body: dict[str, Any] | None = None
    format: str = "json"


REVIEW = {"conclusion": "nevus", "management": "none", "signed": True}
FINDING = {"diagnosis": "nevus", "confirmed_by": "Laboratory", "date": "2026-05-04"}
BATCH = {"lesion": "{lesion}", "files": "photo.jpg"}
FILE = {"file": "photo.jpg"}
UPLOAD = {"lesion": "{lesion}", "file": "photo.jpg"}
R, W, D, A = Scope.READ, Scope.WRITE, Scope.DIAGNOSE, Scope.ADMIN
TABLE = [
    Row("get", "hospitals/{hospital}/", 200, 200, 200, 404, R),
    Row("get", "patients/?hospital={hospital}", 200, 200, 200, 404, R),
    Row("get", "patients/{patient}/", 200, 200, 200, 404, R),
    Row("get", "patients/{patient}/lesion-differences/", 200, 200, 200, 404, R),
    Row("post", "patients/", 201, 403, 201, 404, W, {"hospital": "{hospital}"}),
    Row("patch", "patients/{patient}/", 200, 403, 200, 404, W, {"sex": "other"}),
    Row("get", "lesions/?patient={patient}", 200, 200, 200, 404, R),
    Row("get", "lesions/?hospital={hospital}", 200, 200, 200, 404, R),
    Row("get", "lesions/{lesion}/", 200, 200, 200, 404, R),
    Row("post", "lesions/", 201, 403, 201, 404, W, {"patient": "{patient}"}),
    Row("patch", "lesions/{lesion}/", 200, 403, 200, 404, W, {"notes": "x"}),
    Row("get", "lesions/{lesion}/histopathology/", 200, 200, 200, 404, R),
    Row("post", "lesions/{lesion}/histopathology/", 201, 403, 201, 404, W, FINDING),
    Row("get", "images/?lesion={lesion}", 200, 200, 200, 404, R),
    Row("get", "images/?patient={patient}", 200, 200, 200, 404, R),
    Row("get", "images/{image}/", 200, 200, 200, 404, R),
    Row("get", "images/{image}/file/", 200, 200, 200, 404, R),
    Row("get", "images/{image}/thumbnail/", 200, 200, 200, 404, R),
    *(
        Row("post", f"{record}/entered-in-error/", 200, 403, 200, 404, W, {"reason": "test"})
        for record in ("patients/{patient}", "lesions/{lesion}", "images/{image}")
    ),
    *(
        Row("post", f"{record}/reinstate/", 200, 403, 200, 404, W)
        for record in ("patients/{wrong_patient}", "lesions/{wrong_lesion}", "images/{wrong_image}")
    ),
    Row("post", "images/", 201, 403, 201, 404, W, UPLOAD, "multipart"),
    Row("get", "diagnoses/?hospital={hospital}", 200, 200, 200, 404, R),
    Row("get", "diagnoses/?patient={patient}", 200, 200, 200, 404, R),
    Row("get", "diagnoses/?lesion={lesion}", 200, 200, 200, 404, R),
    Row("get", "diagnoses/?image={image}", 200, 200, 200, 404, R),
    Row("get", "diagnoses/{request}/", 200, 200, 200, 404, R),
    Row("get", "diagnoses/{request}/heatmap/", 200, 200, 200, 404, R),
    Row("post", "diagnoses/", 202, 403, 202, 404, D, {"image": "{image}"}),
    Row("post", "diagnoses/", 202, 403, 202, 404, D, UPLOAD, "multipart"),
    Row("post", "diagnoses/{request}/review/", 201, 403, 403, 404, W, REVIEW),
    Row("post", "diagnoses/{waiting}/cancel/", 200, 403, 200, 404, D),
    Row("get", "batches/?patient={patient}", 200, 200, 200, 404, R),
    Row("get", "batches/?lesion={lesion}", 200, 200, 200, 404, R),
    Row("get", "batches/{batch}/", 200, 200, 200, 404, R),
    Row("post", "batches/", 202, 403, 202, 404, D, BATCH, "multipart"),
    Row("post", "batches/{batch}/files/", 201, 403, 201, 404, D, FILE, "multipart"),
    Row("get", "models/{model}/", 200, 200, 200, 200, R),
    Row("post", "models/{model}/activate/", 403, 200, 403, 404, A, {"hospital": "{hospital}"}),
    Row("get", "reports/patient/{patient}/", 200, 200, 200, 404, R),
    Row("get", "reports/patient/{patient}/?format=pdf", 200, 200, 200, 404, R),
    Row("get", "reports/hospital/?hospital={hospital}", 200, 200, 200, 404, R),
    Row("get", "reports/hospital/?hospital={hospital}&format=csv", 200, 200, 200, 404, R),
    Row("get", "reports/hospital/?hospital={hospital}&format=pdf", 200, 200, 200, 404, R),
    Row("post", "models/{model}/retire/", 403, 200, 403, 404, A, {"hospital": "{hospital}"}),
    Row("get", "audit-events/?hospital={hospital}", 403, 200, 403, 404, A),
]
NAMES = [f"{row.method} {row.path} {row.format}" for row in TABLE]


class World:
    """A hospital with one of everything, and another one."""

    def __init__(self) -> None:
        self.home, self.away = HospitalFactory(), HospitalFactory()
        policy = ModelPolicyFactory(hospital=self.home)
        patient = PatientFactory(hospital=self.home)
        lesion = LesionFactory(patient=patient)
        self.image = ImageFactory(lesion=lesion)
        request = DiagnosisRequestFactory(image=self.image, succeeded=True)
        HeatMapFactory(request=request, drawn=True)
        waiting = DiagnosisRequestFactory(image=ImageFactory(lesion=lesion))
        self.ids = {
            "wrong_patient": PatientFactory(hospital=self.home, in_error=True).pk,
            "wrong_lesion": LesionFactory(patient=patient, in_error=True).pk,
            "wrong_image": ImageFactory(lesion=lesion, in_error=True).pk,
            "hospital": self.home.pk,
            "patient": patient.pk,
            "lesion": lesion.pk,
            "image": self.image.pk,
            "request": request.pk,
            "waiting": waiting.pk,
            "batch": BatchFileFactory(batch__patient=patient).batch_id,
            "model": policy.model_version_id,
        }

    def ask(self, row: Row, user: User | None, *scopes: str) -> Any:
        body = {name: self.fill(value) for name, value in (row.body or {}).items()}
        if row.path == "patients/" and row.method == "post":
            body["medical_record_number"] = "N-1"
        for name in {"file", "files"} & set(body):
            body[name] = SimpleUploadedFile("photo.jpg", jpeg_bytes(seed=999_999))
        found = client(user, *scopes)
        path = f"{API}/{row.path.format(**self.ids)}"
        if row.method == "get":
            return found.get(path)
        return getattr(found, row.method)(path, body, format=row.format)

    def fill(self, value: Any) -> Any:
        return value.format(**self.ids) if isinstance(value, str) else value


@pytest.fixture
def world(db) -> World:
    return World()


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_by_role_and_hospital(world: World, row: Row, who: str) -> None:
    user = WHO[who](world.home, world.away)
    expected = getattr(row, who) if who in ("doctor", "administrator", "integration") else None
    response = world.ask(row, user)
    if expected is None:
        expected = row.others
    if expected < 400:
        assert response.status_code == expected, response.content
        return
    code = {403: "permission_denied", 404: "not_found"}[expected]
    assert_problem(response, expected, code, *response.json()["errors"])
    for known in (world.home.name, world.image.sha256):
        assert known not in response.content.decode()


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_by_scope(world: World, row: Row) -> None:
    user = administrator(world.home) if row.scope == Scope.ADMIN else doctor(world.home)
    others = [scope for scope in Scope.values if scope != row.scope]
    assert_problem(world.ask(row, user, *others), 403, "missing_scope")
    assert world.ask(row, user, row.scope).status_code < 300


@pytest.mark.parametrize("row", TABLE, ids=NAMES)
def test_without_a_token(world: World, row: Row) -> None:
    assert_problem(world.ask(row, None), 401, "not_authenticated")


@pytest.mark.parametrize(
    "path", ["patients/", "lesions/", "images/", "diagnoses/", "batches/", "hospitals/"]
)
@pytest.mark.parametrize("who", list(WHO)[-OUTSIDE:])
def test_lists_hold_nothing_of_another_hospital(world: World, path: str, who: str) -> None:
    user = WHO[who](world.home, world.away)
    rows = client(user).get(f"{API}/{path}").json()["results"]
    assert [row["id"] for row in rows] == (
        [str(world.away.pk)] if path == "hospitals/" and "other" in who else []
    )


@pytest.mark.parametrize("who", list(WHO)[-OUTSIDE:])
def test_the_report_holds_nothing_of_another_hospital(world: World, who: str) -> None:
    found = client(WHO[who](world.home, world.away))
    body = found.get(f"{API}/reports/hospital/").json()
    assert (body["rows"], body["totals"]["requests"]) == ([], 0)
    lines = b"".join(found.get(f"{API}/reports/hospital/?format=csv")).splitlines()
    assert len(lines) == 1


@pytest.mark.parametrize("who", list(WHO)[-OUTSIDE:])
def test_a_model_does_not_say_where_it_reads(world: World, who: str) -> None:
    found = client(WHO[who](world.home, world.away))
    body = found.get(f"{API}/models/{world.ids['model']}/").json()
    assert body["active_for"] == []
