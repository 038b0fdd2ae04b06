"""Signing in through the API, and what a token is good for."""

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic.models import ApiToken, AuditEvent
from clinic.services.audit import verify_chains
from tests.api_client import API, assert_problem, authorize, client
from tests.factories import PASSWORD, HospitalFactory, UserFactory, api_token, doctor

pytestmark = pytest.mark.django_db
TOKENS = f"{API}/tokens/"


def sign_in(user, password: str = PASSWORD, **more):
    return client().post(TOKENS, {"username": user.username, "password": password} | more)


def test_a_password_gives_a_token_that_works() -> None:
    user = UserFactory()
    response = sign_in(user, scopes=["read"], name="my script", days=3)
    body = response.json()
    assert response.status_code == 201
    assert set(body) >= {"id", "token", "scopes", "expires_at"}
    assert body["scopes"] == ["read"]
    assert body["expires_at"].endswith("Z")
    assert response["Cache-Control"] == "private, no-store"
    found = client()
    authorize(found, body["token"])
    me = found.get(f"{API}/me/").json()
    assert (me["username"], me["scopes"], me["token"]["name"]) == (
        user.username,
        ["read"],
        "my script",
    )
    assert AuditEvent.objects.filter(action="create_token", actor=user).count() == 1


def test_the_usual_token_does_not_administer() -> None:
    assert sign_in(UserFactory()).json()["scopes"] == ["diagnose", "read", "write"]


def test_me_names_the_memberships() -> None:
    hospital = HospitalFactory()
    body = client(doctor(hospital)).get(f"{API}/me/").json()
    assert body["memberships"] == [
        {"hospital": {"id": str(hospital.pk), "name": hospital.name}, "role": "doctor"}
    ]


@pytest.mark.parametrize("known", [True, False])
def test_wrong_credentials_say_nothing_more(known: bool) -> None:
    user = UserFactory() if known else UserFactory.build()
    body = assert_problem(sign_in(user, "wrong"), 401, "invalid_credentials")
    assert body["detail"] == "Username or password is wrong."
    assert not ApiToken.objects.exists()


def test_a_disabled_account_gets_no_token() -> None:
    assert_problem(sign_in(UserFactory(is_active=False)), 401, "invalid_credentials")


def test_too_many_wrong_passwords_lock_even_the_right_one(settings) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    user = UserFactory()
    for _attempt in range(2):
        assert_problem(sign_in(user, "wrong"), 401, "invalid_credentials")
    for password in ("wrong", PASSWORD):
        response = sign_in(user, password)
        assert_problem(response, 429, "locked")
        assert int(response["Retry-After"]) == 900
    # others are not locked out with them
    assert sign_in(UserFactory()).status_code == 201


def test_a_right_password_forgets_the_wrong_ones(settings) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    user = UserFactory()
    for password in ("wrong", "wrong", PASSWORD, "wrong", "wrong", PASSWORD):
        response = sign_in(user, password)
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"scopes": ["read", "everything"]}, "unknown_scope", "scopes"),
        ({"scopes": []}, "unknown_scope", "scopes"),
        ({"days": 0}, "invalid", "days"),
        ({"days": 10**9}, "invalid", "days"),
        ({"days": "soon"}, "invalid", "days"),
        ({"name": "x" * 101}, "invalid", "name"),
        ({"username": ""}, "invalid", "username"),
        ({"username": "x" * 151}, "invalid", "username"),
        ({"password": None}, "invalid", "password"),
    ],
)
def test_a_token_in_bad_shape_is_refused(fields, code: str, field: str) -> None:
    assert_problem(sign_in(UserFactory(), **fields), 400, code, field)
    assert not ApiToken.objects.exists()


def test_own_tokens_are_listed_without_secrets() -> None:
    user = UserFactory()
    secret, other = api_token(user, "read"), api_token(UserFactory(), "read")
    found = client()
    authorize(found, secret)
    response = found.get(TOKENS)
    assert [row["scopes"] for row in response.json()["results"]] == [["read"]]
    for text in (secret, other, ApiToken.objects.get(user=user).digest):
        assert text not in response.content.decode()


def test_a_revoked_token_stops_working_at_once() -> None:
    user = UserFactory()
    found = client(user, "read")
    token = ApiToken.objects.get(user=user)
    assert found.delete(f"{TOKENS}{token.pk}/").status_code == 204
    response = found.get(f"{API}/me/")
    assert_problem(response, 401, "invalid_token")
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert AuditEvent.objects.filter(action="revoke_token").count() == 1


def test_another_users_token_does_not_exist() -> None:
    other = UserFactory()
    api_token(other, "read")
    token = ApiToken.objects.get(user=other)
    assert_problem(client(UserFactory()).delete(f"{TOKENS}{token.pk}/"), 404, "not_found")
    token.refresh_from_db()
    assert token.revoked_at is None


def test_every_event_says_by_which_token_it_came() -> None:
    hospital = HospitalFactory()
    user = doctor(hospital)
    api, page = client(user), Client()
    page.force_login(user)
    token = ApiToken.objects.get()
    patient = {"medical_record_number": "N-1", "hospital": str(hospital.pk)}
    key = {"HTTP_IDEMPOTENCY_KEY": "first"}

    made = api.post(f"{API}/patients/", patient, **key).json()
    # nothing is done again, so nothing is noted
    api.post(f"{API}/patients/", patient, **key)
    api.patch(f"{API}/patients/{made['id']}/", {"sex": "female"}, format="json")
    api.get(f"{API}/patients/{made['id']}/")
    api.get(f"{API}/patients/?search=N-1")
    api.delete(f"{TOKENS}{token.pk}/")
    page.get(reverse("patient", args=[made["id"]]))
    sign_in(user)

    through = {"through": "api", "token": str(token.pk)}
    events = AuditEvent.objects.exclude(object_id=str(token.pk), action="create_token")
    assert [
        (event.action, {name: event.details.get(name) for name in through})
        for event in events.order_by("id")
    ] == [
        ("create_patient", through),
        ("update_patient", through),
        ("view_patient", through),
        ("list_patients", through),
        ("revoke_token", through),
        # neither a page nor a password is a token
        ("view_patient", dict.fromkeys(through)),
        ("create_token", dict.fromkeys(through)),
    ]
    assert list(verify_chains()) == []


def test_an_expired_token_is_refused() -> None:
    user = UserFactory()
    found = client(user)
    ApiToken.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    assert_problem(found.get(f"{API}/patients/"), 401, "invalid_token")


def test_a_token_dies_with_its_account() -> None:
    user = UserFactory()
    found = client(user)
    user.is_active = False
    user.save()
    assert_problem(found.get(f"{API}/patients/"), 401, "invalid_token")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer nonsense", "bearer ä"])
def test_a_token_that_is_none_is_refused(header: str) -> None:
    found = client()
    found.credentials(HTTP_AUTHORIZATION=header.encode("utf-8").decode("latin-1"))
    assert_problem(found.get(f"{API}/me/"), 401, "invalid_token")


@pytest.mark.parametrize("header", ["", "Basic YTpi"])
def test_without_a_token_nothing_is_shown(header: str) -> None:
    found = client()
    found.credentials(HTTP_AUTHORIZATION=header)
    response = found.get(f"{API}/me/")
    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")
