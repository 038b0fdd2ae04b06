"""Tokens of the API: shown once, kept as a hash, ended in three ways."""

import datetime
import hashlib
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.forms.models import model_to_dict
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import ApiToken, AuditEvent, Scope
from clinic.services.tokens import LAST_USED_STEP, MAXIMUM_DAYS, create_token, find_token
from clinic.services.tokens import revoke_token as revoke
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def make(**fields) -> tuple[ApiToken, str]:
    user = fields.pop("user", None) or UserFactory()
    return create_token(**{"actor": user, "user": user, "scopes": ["read"]} | fields)


def test_only_the_hash_is_kept() -> None:
    token, secret = make()
    assert secret.startswith("nevus_")
    assert len(secret) >= 40
    token.refresh_from_db()
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(model_to_dict(token)) + str(AuditEvent.objects.values())


def test_two_secrets_differ() -> None:
    user = UserFactory()
    assert make(user=user)[1] != make(user=user)[1]


def test_it_is_found_by_its_secret_in_one_query(django_assert_num_queries) -> None:
    token, secret = make()
    assert find_token(secret) == token
    with django_assert_num_queries(1):
        assert find_token(secret).user == token.user


@pytest.mark.parametrize("wrong", ["", "nevus_", "nevus_guess", "\u20ac", "x" * 100_000])
def test_a_wrong_secret_finds_nothing(wrong: str) -> None:
    make()
    assert find_token(wrong) is None


def test_neither_the_hash_nor_half_the_secret_opens() -> None:
    token, secret = make()
    assert find_token(token.digest) is None
    assert find_token(secret[:-1]) is None
    assert find_token(secret.upper()) is None


def test_it_expires() -> None:
    token, secret = make(days=1)
    assert abs(token.expires_at - timezone.now() - datetime.timedelta(days=1)).seconds < 60
    ApiToken.objects.update(expires_at=timezone.now() + datetime.timedelta(seconds=5))
    assert find_token(secret) is not None
    ApiToken.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    assert find_token(secret) is None


def test_it_can_be_revoked_once() -> None:
    token, secret = make()
    revoke(actor=token.user, token=token)
    first = token.revoked_at
    revoke(actor=token.user, token=token)
    token.refresh_from_db()
    assert token.revoked_at == first
    assert find_token(secret) is None
    assert AuditEvent.objects.filter(action="revoke_token").count() == 1


def test_it_ends_with_the_account() -> None:
    token, secret = make()
    token.user.is_active = False
    token.user.save()
    assert find_token(secret) is None


def test_its_use_is_noted_to_the_minute() -> None:
    token, secret = make()
    find_token(secret)
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    find_token(secret)
    token.refresh_from_db()
    assert token.last_used_at == first
    ApiToken.objects.update(last_used_at=first - LAST_USED_STEP)
    find_token(secret)
    token.refresh_from_db()
    assert token.last_used_at >= first


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "all"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": -1}, "days"),
        ({"days": MAXIMUM_DAYS + 1}, "days"),
    ],
)
def test_wrong_scopes_and_times_are_refused(fields: dict, field: str) -> None:
    with pytest.raises(DomainError) as caught:
        make(**fields)
    assert list(caught.value.errors) == [field]
    assert not ApiToken.objects.exists()


def test_scopes_are_kept_once_and_in_order() -> None:
    token, _secret = make(scopes=["write", "read", "write"], days=MAXIMUM_DAYS)
    assert token.scopes == ["read", "write"]


def test_the_command_prints_a_token_alone_on_the_last_line() -> None:
    user = UserFactory(username="ada")
    out = StringIO()
    call_command("create_token", "ada", "--scope", "read", "--scope", "admin", stdout=out)
    token = find_token(out.getvalue().strip().splitlines()[-1])
    assert token is not None
    assert token.user == user
    assert token.scopes == ["admin", "read"]


def test_the_command_refuses_strangers_and_unknown_scopes() -> None:
    UserFactory(username="gone", is_active=False)
    for arguments in (["nobody", "--scope", "read"], ["gone", "--scope", "read"]):
        with pytest.raises(CommandError, match="no active user"):
            call_command("create_token", *arguments)
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("create_token", "gone", "--scope", "everything")
    with pytest.raises(CommandError, match="--scope"):
        call_command("create_token", "gone")
    assert set(Scope.values) == {"read", "write", "diagnose", "admin"}
