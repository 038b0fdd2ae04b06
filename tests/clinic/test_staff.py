"""Hospitals, accounts and roles."""

import pytest

from clinic.errors import DomainError
from clinic.models import AuditEvent, Hospital, Membership, User
from clinic.permissions import may_record, roles_by_hospital
from clinic.services.staff import add_membership, create_hospital, create_user
from tests.factories import PASSWORD, HospitalFactory, UserFactory, administrator

pytestmark = pytest.mark.django_db


def test_a_hospital_is_recorded_once() -> None:
    hospital = create_hospital(actor=None, name="  North Clinic ")
    assert hospital.name == "North Clinic"
    event = AuditEvent.objects.get()
    assert (event.action, event.hospital, event.actor) == ("create_hospital", hospital, None)
    for name in ("North Clinic", "", "  ", "x" * 201):
        with pytest.raises(DomainError) as caught:
            create_hospital(actor=None, name=name)
        assert caught.value.code == "invalid"
    assert Hospital.objects.count() == AuditEvent.objects.count() == 1


def test_an_account_can_sign_in_and_sees_nothing() -> None:
    user = create_user(
        actor=None, username="ada", password=PASSWORD, given_name="Ada", family_name="North"
    )
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert PASSWORD not in user.password
    assert user.display_name == "Ada North"
    assert not user.is_staff
    assert roles_by_hospital(user) == {}
    assert PASSWORD not in str(AuditEvent.objects.values())


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("new", "short"),
        ("new", "password123456"),
        ("new", "9" * 20),
        ("adalovelace1815", "adalovelace1815"),
        ("taken", PASSWORD),
        ("", PASSWORD),
        ("two words", PASSWORD),
        ("x" * 151, PASSWORD),
    ],
)
def test_weak_passwords_and_wrong_names_are_refused(username: str, password: str) -> None:
    UserFactory(username="taken")
    with pytest.raises(DomainError) as caught:
        create_user(actor=None, username=username, password=password)
    assert caught.value.code == "invalid"
    assert caught.value.errors
    assert User.objects.count() == 1
    assert not AuditEvent.objects.exists()


def test_a_role_counts_at_once() -> None:
    hospital, user = HospitalFactory(), UserFactory()
    assert not may_record(user, hospital.pk)
    actor = administrator(hospital)
    add_membership(actor=actor, user=user, hospital=hospital, role="doctor")
    assert may_record(user, hospital.pk)
    event = AuditEvent.objects.get()
    assert (event.actor, event.hospital) == (actor, hospital)
    assert event.details == {"user": str(user.pk), "role": "doctor"}


def test_a_role_is_held_once_and_is_known() -> None:
    hospital, user = HospitalFactory(), UserFactory()
    add_membership(actor=None, user=user, hospital=hospital, role="doctor")
    for role, code in [("doctor", "membership_exists"), ("nurse", "invalid"), ("", "invalid")]:
        with pytest.raises(DomainError) as caught:
            add_membership(actor=None, user=user, hospital=hospital, role=role)
        assert (caught.value.code, list(caught.value.errors)) == (code, ["role"])
    add_membership(actor=None, user=user, hospital=hospital, role="administrator")
    assert Membership.objects.count() == 2
