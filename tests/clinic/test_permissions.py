"""Who sees and who may do what, as two tables."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser

from clinic.errors import DomainError
from clinic.models import AuditEvent, Hospital, Image, Lesion, Patient
from clinic.permissions import (
    get_visible,
    hospital_ids,
    may_administer,
    may_record,
    may_review,
    require_administer,
    require_record,
    require_review,
    roles_by_hospital,
)
from clinic.services.audit import record_event
from diagnosis.models import DiagnosisRequest, Review
from tests.factories import (
    HospitalFactory,
    MembershipFactory,
    ReviewFactory,
    UserFactory,
    administrator,
    doctor,
    integration,
    member,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> SimpleNamespace:
    """One record of every kind at two hospitals, and somebody of every kind."""
    home, away = HospitalFactory(name="Home"), HospitalFactory(name="Away")
    for hospital in (home, away):
        ReviewFactory(
            request__image__lesion__patient__hospital=hospital,
            request__image__uploaded_by=UserFactory(),
        )
        record_event(actor=None, action="view_patient", hospital=hospital)
    record_event(actor=None, action="create_user", hospital=None)
    people = {
        "doctor": doctor(home),
        "administrator": administrator(home),
        "integration": integration(home),
        "both roles": member(home, "doctor", "administrator"),
        "doctor elsewhere": doctor(away),
        "disabled doctor": doctor(home, is_active=False),
        "platform operator": UserFactory(is_superuser=True, is_staff=True),
        "nobody's": UserFactory(),
        "anonymous": AnonymousUser(),
        "none": None,
    }
    at_both = doctor(home)
    MembershipFactory(user=at_both, hospital=away, role="administrator")
    people["at both"] = at_both
    return SimpleNamespace(home=home, away=away, people=people)


HOME, AWAY, BOTH, NOTHING = {"Home"}, {"Away"}, {"Home", "Away"}, set()
# somebody to the hospitals whose records and whose audit events they see
SEES = {
    "doctor": (HOME, NOTHING),
    "administrator": (HOME, HOME),
    "integration": (HOME, NOTHING),
    "both roles": (HOME, HOME),
    "doctor elsewhere": (AWAY, NOTHING),
    "disabled doctor": (NOTHING, NOTHING),
    "platform operator": (NOTHING, NOTHING),
    "nobody's": (NOTHING, NOTHING),
    "anonymous": (NOTHING, NOTHING),
    "none": (NOTHING, NOTHING),
    "at both": (BOTH, AWAY),
}
RECORDS = {
    Hospital: "name",
    Patient: "hospital__name",
    Lesion: "patient__hospital__name",
    Image: "lesion__patient__hospital__name",
    DiagnosisRequest: "hospital__name",
    Review: "request__hospital__name",
}


@pytest.mark.parametrize("model", [*RECORDS, AuditEvent])
def test_what_everybody_sees(world: SimpleNamespace, model) -> None:
    assert world.people.keys() == SEES.keys()
    path = RECORDS.get(model, "hospital__name")
    for who, user in world.people.items():
        seen = set(model.objects.visible_to(user).values_list(path, flat=True))
        assert seen == SEES[who][model is AuditEvent], who


# somebody to what they may do at the home hospital: record, review, administer
MAY = {
    "doctor": (True, True, False),
    "administrator": (False, False, True),
    "integration": (True, False, False),
    "both roles": (True, True, True),
    "doctor elsewhere": (False, False, False),
    "disabled doctor": (False, False, False),
    "platform operator": (False, False, False),
    "nobody's": (False, False, False),
    "anonymous": (False, False, False),
    "none": (False, False, False),
    "at both": (True, True, False),
}
RULES = [(may_record, require_record), (may_review, require_review)]
RULES += [(may_administer, require_administer)]


def test_what_everybody_may_do(world: SimpleNamespace) -> None:
    assert world.people.keys() == MAY.keys()
    for who, user in world.people.items():
        for allowed, (may, require) in zip(MAY[who], RULES, strict=True):
            assert may(user, world.home.pk) is allowed, who
            if allowed:
                require(user, world.home.pk)
                continue
            with pytest.raises(DomainError) as caught:
                require(user, world.home.pk)
            assert caught.value.status == 403


def test_what_is_invisible_does_not_exist(world: SimpleNamespace) -> None:
    user = world.people["doctor"]
    here = Patient.objects.get(hospital=world.home)
    there = Patient.objects.get(hospital=world.away)
    assert get_visible(Patient.objects, user, pk=here.pk) == here
    messages = set()
    for lookup in ({"pk": there.pk}, {"pk": UserFactory().pk}):
        with pytest.raises(DomainError) as caught:
            get_visible(Patient.objects, user, **lookup)
        assert (caught.value.code, caught.value.status) == ("not_found", 404)
        messages.add(caught.value.message)
    assert len(messages) == 1


def test_memberships_are_read_once(django_assert_num_queries) -> None:
    user = member(HospitalFactory(), "doctor", "administrator")
    with django_assert_num_queries(1):
        for _ in range(3):
            roles_by_hospital(user)
            may_record(user, HospitalFactory.build().pk)
            hospital_ids(user, "doctor")


def test_hospitals_by_role(world: SimpleNamespace) -> None:
    user = world.people["at both"]
    both = {world.home.pk, world.away.pk}
    assert set(hospital_ids(user)) == set(hospital_ids(user, "doctor", "administrator")) == both
    assert hospital_ids(user, "doctor") == [world.home.pk]
    assert hospital_ids(user, "integration") == hospital_ids(AnonymousUser(), "doctor") == []
