"""Hospitals, accounts and roles."""

import threading
import time

import pytest
from django.test import Client
from django.urls import reverse

from clinic.errors import DomainError
from clinic.models import AuditEvent, Hospital, Membership, User
from clinic.permissions import may_record, roles_by_hospital
from clinic.services import staff
from clinic.services.staff import (
    add_membership,
    create_hospital,
    create_user,
    end_access,
    give_role,
    take_role,
)
from tests.factories import PASSWORD, HospitalFactory, UserFactory, administrator, doctor
from tests.threads import needs_postgresql, together

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
        ("Taken", PASSWORD),
        ("TAKEN", PASSWORD),
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


@pytest.mark.django_db(transaction=True)
def test_of_two_who_give_the_same_role_at_once_the_second_is_told() -> None:
    needs_postgresql()
    hospital = HospitalFactory()
    boss, person = administrator(hospital), doctor(hospital)
    for role in ("administrator", "integration"):
        gift = {"actor": boss, "user": person, "hospital": hospital, "role": role}
        outcomes = together(*[lambda gift=gift: give_role(**gift)] * 4)
        refused = [error.code for error in outcomes if isinstance(error, DomainError)]
        assert refused == ["membership_exists"] * 3, outcomes


def test_a_role_that_somebody_took_already_is_not_taken_again() -> None:
    hospital = HospitalFactory()
    boss, person = administrator(hospital), doctor(hospital)
    stale = [Membership.objects.get(user=person) for _twice in range(2)]
    take_role(actor=boss, membership=stale[0])
    with pytest.raises(DomainError) as refused:
        take_role(actor=boss, membership=stale[1])
    assert (refused.value.code, refused.value.status) == ("role_taken", 409)
    assert AuditEvent.objects.filter(action="remove_membership").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_role_given_while_the_access_ends_leaves_nobody_half_inside(monkeypatch) -> None:
    """Either it is given first and taken with the others, or the person is gone already."""
    needs_postgresql()
    hospital = HospitalFactory()
    boss, person = administrator(hospital), doctor(hospital)
    looked = threading.Event()
    add = staff.add_membership

    def slowly(**given):
        looked.set()
        time.sleep(0.5)
        return add(**given)

    monkeypatch.setattr(staff, "add_membership", slowly)

    def end() -> None:
        looked.wait(10)
        end_access(actor=boss, user=person, hospital=hospital)

    together(
        lambda: give_role(actor=boss, user=person, hospital=hospital, role="administrator"), end
    )
    assert not Membership.objects.filter(user=person).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_choose_the_same_name_at_once_the_second_is_told() -> None:
    needs_postgresql()
    account = {"actor": None, "password": PASSWORD}
    names = ("ada", "ada", "Ada", "ADA")
    outcomes = together(
        *[lambda name=name: create_user(username=name, **account) for name in names]
    )
    told = [error.errors for error in outcomes if isinstance(error, DomainError)]
    assert [list(errors) for errors in told] == [["username"]] * 3, outcomes


def test_names_that_differ_by_their_case_stay_as_they_are_and_are_not_made_by_hand() -> None:
    old, other = UserFactory(username="doctor"), UserFactory(username="Doctor")
    other.first_name = "Ada"
    other.full_clean()
    operator = UserFactory(is_staff=True, is_superuser=True)
    third = UserFactory(username="third")
    browser = Client()
    browser.force_login(operator)
    address = reverse("admin:clinic_user_change", args=[third.pk])
    answer = browser.post(address, {"username": "DOCTOR", "is_active": "on"})
    assert (answer.status_code, "already exists" in answer.content.decode()) == (200, True)
    assert set(User.objects.filter(username__iexact="doctor")) == {old, other}


def test_a_role_that_the_operator_takes_away_is_noted_with_its_record() -> None:
    operator = UserFactory(is_staff=True, is_superuser=True)
    membership = Membership.objects.get(user=doctor(HospitalFactory()))
    browser = Client()
    browser.force_login(operator)

    answer = browser.post(
        reverse("admin:clinic_membership_delete", args=[membership.pk]), {"post": "yes"}
    )

    assert answer.status_code == 302
    assert not Membership.objects.filter(pk=membership.pk).exists()
    event = AuditEvent.objects.get(action="remove_membership")
    assert (event.actor, event.hospital) == (operator, membership.hospital)
    assert (event.object_type, event.object_id) == ("membership", str(membership.pk))
    assert event.details == {"user": str(membership.user_id), "role": "doctor"}


def test_a_password_that_the_operator_sets_is_noted() -> None:
    operator = UserFactory(is_staff=True, is_superuser=True)
    user = UserFactory()
    browser = Client()
    browser.force_login(operator)
    secret = f"another {PASSWORD}"
    new = {"usable_password": "true", "password1": secret, "password2": secret}

    answer = browser.post(reverse("admin:auth_user_password_change", args=[user.pk]), new)

    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.check_password(secret)
    event = AuditEvent.objects.get(action="change_password")
    assert (event.actor, event.object_id, event.hospital) == (operator, str(user.pk), None)
