"""Administration: invitations, roles, the audit log on its page and through the API."""

import csv
import datetime
import io
import re
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import AuditEvent, Invitation, Role, User
from clinic.services.audit import record_event
from clinic.services.invitations import (
    accept_as,
    accept_as_new,
    find_invitation,
    invite,
    revoke_invitation,
)
from clinic.services.staff import end_access, give_role, take_role
from clinic.services.tokens import create_token
from diagnosis.services.model_versions import activate_model
from tests.api_client import API, assert_problem, client, count_queries
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    ImageFactory,
    InvitationFactory,
    LesionFactory,
    MembershipFactory,
    ModelVersionFactory,
    PatientFactory,
    UserFactory,
    administrator,
    doctor,
    member,
)
from tests.support.visible import visible

pytestmark = pytest.mark.django_db
ACCOUNT = {
    "username": "new.doctor",
    "given_name": "Nell",
    "family_name": "New",
    "password": "correct horse battery staple",
}


@pytest.fixture
def hospital():
    return HospitalFactory(name="Alpha")


@pytest.fixture
def boss(hospital):
    return administrator(hospital, first_name="Bo", last_name="Boss")


@pytest.fixture
def page(boss):
    found = Client()
    found.force_login(boss)
    return found


def text(response) -> str:
    return response.content.decode()


def refused(call, **arguments) -> str:
    with pytest.raises(DomainError) as caught:
        call(**arguments)
    return caught.value.code


# Invitations --------------------------------------------------------------------------------------


def test_a_link_makes_an_account_with_the_role_once(hospital, boss) -> None:
    _invitation, secret = invite(actor=boss, hospital=hospital, role="doctor", name="Nell")

    user = accept_as_new(secret=secret, **ACCOUNT)

    assert [(m.hospital, m.role) for m in user.memberships.all()] == [(hospital, "doctor")]
    again = ACCOUNT | {"username": "another"}
    assert refused(accept_as_new, secret=secret, **again) == "invitation_unusable"
    assert User.objects.filter(username="another").count() == 0
    events = AuditEvent.objects.filter(hospital=hospital).values_list("action", flat=True)
    assert list(events.order_by("id")) == ["invite", "add_membership", "accept_invitation"]


def test_a_refused_account_leaves_the_link_usable(hospital, boss) -> None:
    secret = invite(actor=boss, hospital=hospital, role="doctor", name="Nell")[1]

    assert refused(accept_as_new, secret=secret, **ACCOUNT | {"password": "short"}) == "invalid"

    assert find_invitation(secret).is_open
    assert accept_as_new(secret=secret, **ACCOUNT)


def test_somebody_with_an_account_gets_another_role(hospital, boss) -> None:
    somebody = doctor(HospitalFactory())
    secret = invite(actor=boss, hospital=hospital, role="doctor", name="Somebody")[1]

    accept_as(secret=secret, user=somebody)

    assert somebody.memberships.filter(hospital=hospital, role="doctor").exists()


def test_who_holds_the_role_already_leaves_the_link_for_whom_it_is_meant(hospital, boss) -> None:
    person = doctor(hospital)
    invitation, secret = invite(actor=boss, hospital=hospital, role="doctor", name="Somebody")
    browser = Client()
    browser.force_login(person)

    address = reverse("invitation", args=[secret])
    for answer in (browser.get(address), browser.post(address)):
        assert (answer.status_code, "Accept with this account" in text(answer)) == (200, False)
        assert "have this role already." in text(answer)
        assert "The invitation for Somebody stays open." in text(answer)

    invitation.refresh_from_db()
    assert (invitation.is_open, invitation.accepted_by) == (True, None)
    actions = AuditEvent.objects.filter(hospital=hospital).values_list("action", flat=True)
    assert list(actions) == ["invite"]
    assert accept_as_new(secret=secret, **ACCOUNT)


def test_an_accepted_role_is_the_act_of_who_accepts_and_names_who_invited(
    page, hospital, boss
) -> None:
    secret = invite(actor=boss, hospital=hospital, role="doctor", name="Nell")[1]
    user = accept_as_new(secret=secret, **ACCOUNT)

    event = AuditEvent.objects.get(action="add_membership")
    assert event.actor == user
    assert event.details == {"user": str(user.pk), "role": "doctor", "invited_by": str(boss.pk)}
    assert f"invited by: Bo Boss ({boss.username})" in text(page.get(reverse("audit-log")))


@pytest.mark.parametrize("how", ["unknown", "expired", "revoked"])
def test_a_link_that_is_not_open_is_not_found(hospital, boss, how) -> None:
    invitation, secret = invite(actor=boss, hospital=hospital, role="doctor", name="Nell")
    if how == "unknown":
        secret += "x"
    if how == "expired":
        past = timezone.now() - datetime.timedelta(seconds=1)
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=past)
    if how == "revoked":
        revoke_invitation(actor=boss, invitation=invitation)

    response = Client().get(reverse("invitation", args=[secret]))

    assert response.status_code == 404
    assert "Ask for a new one" in text(response)


def test_an_accepted_invitation_is_not_taken_back(hospital, boss) -> None:
    invitation, secret = invite(actor=boss, hospital=hospital, role="doctor", name="Nell")
    accept_as_new(secret=secret, **ACCOUNT)
    assert refused(revoke_invitation, actor=boss, invitation=invitation) == "invitation_accepted"


def test_who_may_invite_and_to_what(hospital, boss) -> None:
    fields = {"hospital": hospital, "name": "Nell"}
    assert refused(invite, actor=boss, role="integration", **fields) == "unknown_role"
    assert refused(invite, actor=boss, role="doctor", hospital=hospital, name="") == "invalid"
    assert refused(invite, actor=doctor(hospital), role="doctor", **fields) == "permission_denied"
    stranger = administrator(HospitalFactory())
    assert refused(invite, actor=stranger, role="doctor", **fields) == "permission_denied"


def test_from_the_form_to_the_first_page(page, hospital) -> None:
    answer = text(page.post(reverse("staff"), {"name": "Nell New", "role": "doctor"}))
    link = re.search(r'<code class="secret">(http[^<]+)</code>', answer)[1]
    assert "Nell New" in answer
    assert link not in text(page.get(reverse("staff")))

    fresh = Client()
    assert "gives you the role <strong>Doctor</strong>" in text(fresh.get(link))
    wrong = fresh.post(link, ACCOUNT | {"again": "something else entirely"})
    assert (wrong.status_code, "The two passwords differ." in text(wrong)) == (400, True)
    done = fresh.post(link, ACCOUNT | {"again": ACCOUNT["password"]})

    assert done["Location"] == reverse("worklist")
    assert fresh.get(reverse("worklist")).status_code == 200
    assert fresh.get(link).status_code == 404


def test_an_invitation_is_mailed_where_mail_is_set_up(page, settings) -> None:
    form = {"name": "Nell", "role": "doctor", "email": "nell@example.org"}
    page.post(reverse("staff"), form)
    assert mail.outbox == []

    settings.NEVUS_SENDS_MAIL = True
    answer = text(page.post(reverse("staff"), form))

    link = re.search(r'<code class="secret">(http[^<]+)</code>', answer)[1]
    assert mail.outbox[0].to == ["nell@example.org"]
    assert link in mail.outbox[0].body
    assert "It was mailed as well." in answer


# Roles --------------------------------------------------------------------------------------------


def test_roles_are_given_and_taken(hospital, boss) -> None:
    person = doctor(hospital)
    given = give_role(actor=boss, user=person, hospital=hospital, role="administrator")
    take_role(actor=boss, membership=given)
    assert [m.role for m in person.memberships.all()] == ["doctor"]
    stranger = doctor(HospitalFactory())
    arguments = {"actor": boss, "user": stranger, "hospital": hospital, "role": "doctor"}
    assert refused(give_role, **arguments) == "not_found"


def questions(html: str) -> list[str]:
    return re.findall(r"<details class=\"ask-again\">.*?</details>", html, re.DOTALL)


def test_a_role_is_taken_after_one_more_question(page, hospital) -> None:
    """Without a script: the button that does it is hidden until what follows is on the page."""
    doctor(hospital, first_name="Ada", last_name="Only")
    member(hospital, "doctor", "administrator", first_name="Eve", last_name="Both")

    html = text(page.get(reverse("staff")))

    asked = questions(html)
    assert all("<form" in part.split("</summary>")[1] for part in asked)
    addresses = [re.search(r'action="([^"]+)"', part)[1] for part in asked]
    # each way to take something away, and nothing of it outside
    removing = re.findall(r'action="(/[^"]*(?:take|end)/)"', html)
    assert addresses == removing
    assert len(removing) == 4 + 3
    only = "Ada Only has no other role here and will no longer see the hospital's patients"
    assert html.count(only) == 1
    assert html.count("Eve Both loses the role") == 2


def test_only_roles_that_are_not_held_can_be_added(page, hospital, boss) -> None:
    person = doctor(hospital)
    both = member(hospital, "doctor", "administrator")

    html = text(page.get(reverse("staff")))

    def addable(user) -> list[str] | None:
        action = f'action="{reverse("role-give", args=[user.pk])}"'
        if action not in html:
            return None
        return re.findall(r'<option value="(\w+)"', html.split(action)[1].split("</form>")[0])

    assert addable(boss) == ["doctor"]
    assert addable(person) == ["administrator"]
    assert addable(both) is None


def test_a_role_that_another_window_took_was_taken_already(page, hospital, boss) -> None:
    person = member(hospital, "doctor", "administrator")
    address = reverse("role-take", args=[person.memberships.get(role="doctor").pk])
    staff = f"http://testserver{reverse('staff')}"
    assert page.post(address).status_code == 302

    second = page.post(address, headers={"Referer": staff})

    assert second.status_code == 409
    assert "This role was taken away already." in text(second)
    assert f'<a class="button primary" href="{staff}">' in text(second)
    # elsewhere nobody learns that there was such a role
    stranger = Client()
    stranger.force_login(administrator(HospitalFactory()))
    assert stranger.post(address).status_code == 404


@pytest.mark.parametrize(("way", "data"), [("access-end", {}), ("role-give", {"role": "doctor"})])
def test_an_access_that_another_window_ended_was_ended_already(page, hospital, way, data) -> None:
    person = doctor(hospital)
    assert page.post(reverse("access-end", args=[person.pk])).status_code == 302

    second = page.post(reverse(way, args=[person.pk]), data)

    assert (second.status_code, "was ended already" in text(second)) == (409, True)
    never_here = doctor(HospitalFactory())
    assert page.post(reverse(way, args=[never_here.pk]), data).status_code == 404


@pytest.mark.parametrize("way", ["role-take", "access-end"])
def test_who_takes_the_own_role_is_asked_as_such_and_led_to_the_worklist(
    page, hospital, boss, way
) -> None:
    other = administrator(hospital)
    key = {"role-take": boss.memberships.get().pk, "access-end": boss.pk}[way]
    address = reverse(way, args=[key])
    asked = questions(text(page.get(reverse("staff"))))
    (mine,) = (part for part in asked if f'action="{address}"' in part)
    assert "This is you." in mine
    assert sum("This is you." in part for part in asked) == 2

    answer = page.post(address, {"hospital": str(hospital.pk)}, follow=True)

    assert answer.redirect_chain == [(reverse("worklist"), 302)]
    said = {"role-take": "The role is taken away.", "access-end": "The access is ended."}[way]
    assert (answer.status_code, said in text(answer)) == (200, True)
    assert other.memberships.exists()


def names_in(html: str) -> list[str]:
    return re.findall(r'<tr class="no-picture">\s*<th scope="row">([^<]+)<br>', html)


def test_a_long_staff_has_pages_and_is_searched(page, hospital) -> None:
    short = text(page.get(reverse("staff")))
    assert 'id="id_q"' not in short
    # somebody with two roles is one row, and who works elsewhere none
    for place in range(28):
        member(hospital, "doctor", "administrator", first_name="Ann", last_name=f"Staff{place:02}")
    doctor(HospitalFactory(), first_name="Ann", last_name="Elsewhere")
    wanted = doctor(hospital, username="zoe.wanted", first_name="Zoë", last_name="O'Brien Peña")

    first = page.get(reverse("staff"))
    cursor = re.search(r'rel="next" href="(\?cursor=[^"]+)"', text(first))[1]
    second = page.get(f"{reverse('staff')}{cursor}")

    found = [names_in(text(answer)) for answer in (first, second)]
    assert [len(names) for names in found] == [25, 30 - 25]
    assert {f"Ann Staff{place:02}" for place in range(28)} < set(found[0] + found[1])
    for search in ("peña", "PENA zoe", "zoë brien", "O'BRIEN", "zoe.w"):
        html = text(page.get(reverse("staff"), {"q": search}))
        assert names_in(html) == ["Zoë O&#x27;Brien Peña"], search
    for search in ("Elsewhere", "zoe nobody"):
        html = text(page.get(reverse("staff"), {"q": search}))
        assert f"Nobody here has “{search}” in the name or the user name." in html

    # what is done to somebody on the second page leads back to it
    there = f"http://testserver{reverse('staff')}{cursor}"
    give, role = reverse("role-give", args=[wanted.pk]), {"role": "administrator"}
    for come_from, led_to in [
        (there, there),
        ("https://evil.example" + reverse("staff"), f"{reverse('staff')}?hospital={hospital.pk}"),
    ]:
        wanted.memberships.filter(role="administrator").delete()
        answer = page.post(give, role, headers={"Referer": come_from})
        assert (answer.status_code, answer["Location"]) == (302, led_to)


def test_a_marked_letter_stands_where_its_plain_one_does(page, hospital, boss) -> None:
    for name in ("Okafor", "Çelik", "Zeta", "Celan", "ástrid"):
        doctor(hospital, first_name="", last_name=name)
    shown = names_in(text(page.get(reverse("staff"))))
    assert shown == ["ástrid", "Bo Boss", "Celan", "Çelik", "Okafor", "Zeta"]


def test_the_link_says_whose_it_is(page, hospital) -> None:
    form = {"name": "Nell New", "role": "administrator"}
    assert "The link for Nell New, Administrator." in text(page.post(reverse("staff"), form))


def test_an_invitation_is_taken_back_after_one_more_question(page, hospital) -> None:
    invitation = InvitationFactory(hospital=hospital, name="Grace Guest")

    html = text(page.get(reverse("staff")))

    action = f'action="{reverse("invitation-revoke", args=[invitation.pk])}"'
    (asked,) = (part for part in questions(html) if action in part)
    follows = asked.split("</summary>")[1]
    assert "The link for Grace Guest stops working at once." in follows
    assert (html.count(action), follows.count(action)) == (1, 1)


def test_the_last_administrator_stays(hospital, boss) -> None:
    membership = boss.memberships.get()
    assert refused(take_role, actor=boss, membership=membership) == "last_administrator"
    assert refused(end_access, actor=boss, user=boss, hospital=hospital) == "last_administrator"
    administrator(hospital, is_active=False)
    assert refused(take_role, actor=boss, membership=membership) == "last_administrator"

    administrator(hospital)
    end_access(actor=boss, user=boss, hospital=hospital)
    assert not boss.memberships.exists()


def test_what_is_refused_on_a_page_of_its_own_leads_back(hospital, boss) -> None:
    browser = Client()
    browser.force_login(boss)
    staff = f"http://testserver{reverse('staff')}"
    back = f'<a class="button primary" href="{staff}">'
    take = reverse("role-take", args=[boss.memberships.get().pk])

    refusal = browser.post(take, headers={"Referer": staff})

    assert refusal.status_code == 409
    assert back in text(refusal)
    # come back to, it is the page of the staff
    assert f'data-form-page="{staff}"' in text(refusal)
    for elsewhere in (f"http://testserver{take}", "https://evil.example/", "http://[testserver/"):
        html = text(browser.post(take, headers={"Referer": elsewhere}))
        assert "Back to the page" not in html
        assert 'data-form-page=""' in html


def test_who_has_no_role_is_told_whom_to_ask() -> None:
    browser = Client()
    browser.force_login(UserFactory())
    html = text(browser.get(reverse("worklist")))
    assert "You have no role at any hospital. Ask an administrator for an invitation." in html
    assert "Nothing waits for you" not in html
    account = text(browser.get(reverse("account")))
    assert "You have no role at any hospital. Ask an administrator for an invitation." in account


def test_an_ended_access_ends_here_only(hospital, boss) -> None:
    other = HospitalFactory()
    person = member(hospital, "doctor", "administrator")
    MembershipFactory(user=person, hospital=other)
    browser = Client()
    browser.force_login(person)
    patient = PatientFactory(hospital=hospital)
    address = reverse("patient", args=[patient.pk])
    assert browser.get(address).status_code == 200

    end_access(actor=boss, user=person, hospital=hospital)

    assert [m.hospital for m in person.memberships.all()] == [other]
    assert browser.get(address).status_code == 404
    assert AuditEvent.objects.filter(action="remove_membership").count() == 2


# The audit log ------------------------------------------------------------------------------------


@pytest.fixture
def events(hospital, boss):
    """A look at a patient, a signature, and something at another hospital."""
    patient = PatientFactory(hospital=hospital)
    ada = doctor(hospital, first_name="Ada")
    record_event(actor=ada, action="view_patient", hospital=hospital, obj=patient)
    record_event(actor=boss, action="sign_review", hospital=hospital, details={"n": 1})
    record_event(actor=None, action="view_image", hospital=HospitalFactory())
    return {"patient": patient, "ada": ada}


def shown(response) -> list[str]:
    return [row["event"].action for row in response.context["page"].rows]


def test_the_log_is_of_the_own_hospital_the_newest_first(page, events) -> None:
    response = page.get(reverse("audit-log"))

    assert shown(response) == ["sign_review", "view_patient"]
    assert "Patient looked at" in text(response)
    assert reverse("patient", args=[events["patient"].pk]) in text(response)
    # to look is an event as well
    assert shown(page.get(reverse("audit-log"))) == [
        "view_audit_log",
        "sign_review",
        "view_patient",
    ]


def test_the_log_is_filtered(page, events) -> None:
    day = timezone.localdate()

    def rows(**filters) -> list[str]:
        found = shown(page.get(reverse("audit-log"), filters))
        return [action for action in found if action != "view_audit_log"]

    assert rows(action="view_patient") == ["view_patient"]
    assert rows(actor=str(events["ada"].pk)) == ["view_patient"]
    assert rows(object_id=str(events["patient"].pk)) == ["view_patient"]
    assert len(rows(**{"from": day.isoformat(), "to": day.isoformat()})) == 2
    assert rows(to=(day - datetime.timedelta(days=1)).isoformat()) == []


def choices(response, name: str) -> dict[str, str]:
    return dict(response.context["form"].fields[name].choices)


def test_the_log_is_filtered_by_people_whose_access_has_ended(page, hospital, boss, events) -> None:
    ada = events["ada"]
    operator = UserFactory(username="operator")
    record_event(actor=operator, action="update_hospital", hospital=hospital)
    stranger = doctor(HospitalFactory())
    end_access(actor=boss, user=ada, hospital=hospital)

    response = page.get(reverse("audit-log"), {"actor": str(ada.pk)})

    assert (response.status_code, shown(response)) == (200, ["view_patient"])
    offered = choices(response, "actor")
    assert offered[str(ada.pk)] == "Ada (no role now)"
    assert offered[str(operator.pk)] == "operator (no role now)"
    assert offered[str(boss.pk)] == "Bo Boss"
    assert str(stranger.pk) not in offered
    file = page.get(reverse("audit-log-csv"), {"actor": str(ada.pk)})
    assert "Patient looked at" in b"".join(file.streaming_content).decode()


def test_the_filter_offers_what_happens_at_a_hospital_and_names_where_the_rest_is(page) -> None:
    response = page.get(reverse("audit-log"))

    offered = choices(response, "action")
    assert "view_patient" in offered
    of_platform = ["sign_in", "sign_out", "change_password", "create_token", "create_user"]
    assert not set(of_platform) & set(offered)
    assert "/admin/clinic/auditevent/" in text(response)


def test_the_operator_reads_sign_ins_where_the_log_says(page, boss) -> None:
    record_event(actor=boss, action="sign_in", hospital=None)
    operator = Client()
    operator.force_login(UserFactory(is_staff=True, is_superuser=True))
    answer = operator.get("/admin/clinic/auditevent/?action=sign_in")
    assert (answer.status_code, "1 audit event" in text(answer)) == (200, True)
    assert "sign_in" in text(answer)


@pytest.mark.parametrize(
    "filters",
    [{"from": "2026-02-01", "to": "2026-01-01"}, {"object_id": "x"}, {"actor": "nobody"}],
)
def test_a_filter_that_makes_no_sense_shows_nothing_and_says_so(page, events, filters) -> None:
    response = page.get(reverse("audit-log"), filters)
    assert (shown(response), response.status_code) == ([], 400)
    assert "Nothing is shown, because of the filter" in text(response)
    assert "There is nothing yet" not in text(response)
    assert "No event matches" not in text(response)
    assert page.get(reverse("audit-log-csv"), filters).status_code == 400


@pytest.fixture
def looked_at(hospital, boss):
    """A request with its patient, after somebody looked at each of the patient's records; and a
    look at another patient."""
    row = DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital,
        image__lesion__patient__medical_record_number="N-17",
    )
    finding = HistopathologyFactory(lesion=row.image.lesion)
    records = (row.image.lesion.patient, row.image.lesion, row.image, row, finding)
    for number, record in enumerate(records):
        record_event(actor=boss, action=f"look_{number}", hospital=hospital, obj=record)
    other = PatientFactory(hospital=hospital, medical_record_number="N-18")
    record_event(actor=boss, action="view_patient", hospital=hospital, obj=other)
    return row


def of_record(page, named: str) -> list[str]:
    response = page.get(reverse("audit-log"), {"object_id": named})
    assert response.status_code == 200
    return shown(response)


def test_who_looked_at_a_patient_is_found_by_number_and_identifier(page, looked_at) -> None:
    patient = looked_at.image.lesion.patient
    everything = [f"look_{number}" for number in (4, 3, 2, 1, 0)]
    for named in ("N-17", " n-17 ", str(patient.pk), patient.pk.hex, str(patient.pk)[:8]):
        assert of_record(page, named) == everything, named
    # any other record is meant alone
    for named in (str(looked_at.pk), str(looked_at.pk)[:8].upper()):
        assert of_record(page, named) == ["look_3"], named


def test_a_number_goes_before_the_beginning_of_an_identifier(page, hospital, boss) -> None:
    known = PatientFactory(hospital=hospital)
    other = PatientFactory(hospital=hospital, medical_record_number=str(known.pk)[:8])
    for patient in (known, other):
        record_event(actor=boss, action=f"look_{patient == other}", hospital=hospital, obj=patient)
    assert of_record(page, other.medical_record_number) == ["look_True"]


def test_a_patient_of_another_hospital_is_unknown(page, hospital, looked_at) -> None:
    stranger = PatientFactory(medical_record_number="S-1")
    record_event(actor=None, action="view_patient", hospital=stranger.hospital, obj=stranger)
    for named in ("S-1", str(stranger.pk), str(stranger.pk)[:8], "zzz", "a\x00b"):
        response = page.get(reverse("audit-log"), {"object_id": named})
        assert (response.status_code, shown(response)) == (400, []), named
    response = page.get(reverse("audit-log"), {"object_id": "S-1"})
    assert f"Nothing at {hospital.name} has this number or identifier." in text(response)


def test_a_patient_whom_nobody_looked_at_is_known(page, hospital) -> None:
    PatientFactory(hospital=hospital, medical_record_number="N-19")
    response = page.get(reverse("audit-log"), {"object_id": "N-19"})
    assert (response.status_code, shown(response)) == (200, [])
    assert "No event matches these filters." in text(response)


def test_a_row_names_the_record_and_the_number_of_its_patient(page, looked_at) -> None:
    found = visible(text(page.get(reverse("audit-log"), {"object_id": "N-17"})))
    assert {"patient", "lesion", "image", "diagnosis request", "histopathology"} <= set(found)
    assert (found.count("N-17"), found.count("of patient N-17")) == (1, 4)


def test_details_are_words(page, hospital, boss, looked_at) -> None:
    record_event(
        actor=boss,
        action="sign_review",
        hospital=hospital,
        details={"request": str(looked_at.pk), "amends": None},
    )
    patient = looked_at.image.lesion.patient
    fields = {"fields": ["birth_date", "gone"], "format": "pdf"}
    record_event(
        actor=boss, action="update_patient", hospital=hospital, obj=patient, details=fields
    )
    placed = {"fields": ["anatom_site", "body_view", "body_x", "body_y"]}
    lesion = looked_at.image.lesion
    record_event(actor=boss, action="update_lesion", hospital=hospital, obj=lesion, details=placed)
    found = text(page.get(reverse("audit-log")))
    assert "fields: anatomical site, place on the body<" in found
    assert f"request {str(looked_at.pk)[:8]}<" in found
    assert "fields: birth date, gone; format: PDF" in found
    content = b"".join(page.get(reverse("audit-log-csv")).streaming_content).decode()
    assert f"request {looked_at.pk}," in content
    assert "{" not in content


def test_the_log_names_the_token_that_was_used(page, hospital, boss) -> None:
    ada = doctor(hospital)
    named, _secret = create_token(actor=ada, user=ada, scopes=["read"], name="imaging archive")
    gone = uuid4()
    for key in (named.pk, gone):
        through = {"through": "api", "token": str(key)}
        record_event(actor=ada, action="create_patient", hospital=hospital, details=through)

    html = text(page.get(reverse("audit-log")))

    assert "through: API; token: imaging archive<" in html
    assert f"through: API; token {str(gone)[:8]}<" in html
    file = b"".join(page.get(reverse("audit-log-csv")).streaming_content).decode()
    assert "through: API; token: imaging archive" in file


def test_the_log_names_a_model_by_name_and_version(page, hospital, boss) -> None:
    model = ModelVersionFactory(name="starter", version="5.1.0")
    activate_model(actor=boss, hospital=hospital, model_version=model)
    details = {"model_version": str(model.pk)}
    record_event(actor=boss, action="view_model", hospital=hospital, details=details)

    log = page.get(reverse("audit-log"), {"action": "activate_model"})
    looked_at = page.get(reverse("audit-log"), {"action": "view_model"})

    assert visible(text(log)).count("starter 5.1.0") == 1
    for response in (log, looked_at):
        assert "model version: starter 5.1.0<" in text(response)
        assert "person" not in response.context["page"].rows[0]["details"]
        assert str(model.pk)[:8] not in visible(text(response))
    asked = {"action": "activate_model"}
    file = b"".join(page.get(reverse("audit-log-csv"), asked).streaming_content).decode()
    (line,) = csv.DictReader(io.StringIO(file.removeprefix("\ufeff")))
    assert line["Record"] == "model version starter 5.1.0"
    assert (line["Identifier"], line["Record code"]) == (str(model.pk), "modelversion")
    assert line["Details"] == "model version: starter 5.1.0"


def test_events_of_roles_and_invitations_say_about_whom(page, hospital, boss) -> None:
    ada = doctor(hospital, username="ada", first_name="Ada", last_name="North")
    nameless = doctor(hospital, username="nameless")
    give_role(actor=boss, user=ada, hospital=hospital, role="administrator")
    give_role(actor=boss, user=nameless, hospital=hospital, role="administrator")
    taken = nameless.memberships.get(role="doctor")
    take_role(actor=boss, membership=taken)
    end_access(actor=boss, user=ada, hospital=hospital)
    invite(actor=boss, hospital=hospital, role="doctor", name="Nell New")

    html = text(page.get(reverse("audit-log")))

    assert html.count("role: Doctor; user: Ada North (ada)<") == 1
    assert html.count("role: Administrator; user: Ada North (ada)<") == 2
    assert "role: Doctor; user: nameless<" in html
    assert "person: Nell New; role: Doctor<" in html
    assert f'title="{taken.pk}"' in html
    assert AuditEvent.objects.filter(
        action="remove_membership", object_type="membership", object_id=str(taken.pk)
    ).exists()
    file = b"".join(page.get(reverse("audit-log-csv")).streaming_content).decode()
    assert "role: Doctor; user: Ada North (ada)" in file
    assert "person: Nell New; role: Doctor" in file


def test_what_the_operator_recorded_of_a_role_says_about_whom(page, hospital) -> None:
    ada = doctor(hospital, username="ada", first_name="Ada", last_name="North")
    record_event(
        actor=None,
        action="create_membership",
        hospital=hospital,
        obj=ada.memberships.get(),
        details={"fields": ["role"]},
    )
    assert "fields: role; person: Ada North (ada)<" in text(page.get(reverse("audit-log")))


def test_pages_of_the_log_hold_every_event_once(page, hospital, boss) -> None:
    for _ in range(60):
        record_event(actor=boss, action="view_staff", hospital=hospital)

    address, found = f"{reverse('audit-log')}?action=view_staff", []
    while address:
        shown_page = page.get(address).context["page"]
        found += [row["event"].pk for row in shown_page.rows]
        base = f"{reverse('audit-log')}?action=view_staff&cursor="
        address = shown_page.next and base + shown_page.next

    assert (len(found), len(set(found))) == (60, 60)


@pytest.mark.parametrize("name", ["audit-log", "staff"])
def test_the_number_of_queries_does_not_grow(page, hospital, boss, name) -> None:
    def queries() -> int:
        page.get(reverse(name))
        with CaptureQueriesContext(connection) as captured:
            page.get(reverse(name))
        return len(captured)

    record_event(actor=doctor(hospital), action="x", hospital=hospital, obj=LesionFactory().patient)
    invite(actor=boss, hospital=hospital, role="doctor", name="Nell")
    few = queries()
    for _ in range(30):
        person = doctor(hospital)
        patient = PatientFactory(hospital=hospital)
        record_event(actor=person, action="view_patient", hospital=hospital, obj=patient)
        give_role(actor=boss, user=person, hospital=hospital, role="administrator")
        invite(actor=boss, hospital=hospital, role="doctor", name="Nell")
        client(person).get(f"{API}/patients/{patient.pk}/")
        activate_model(actor=boss, hospital=hospital, model_version=ModelVersionFactory())
    assert queries() == few


def test_so_with_a_patient_s_events(page, hospital, looked_at) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page.get(reverse("audit-log"), {"object_id": "N-17"})
        return len(captured)

    page.get(reverse("audit-log"))
    few = queries()
    for _ in range(15):
        image = ImageFactory(lesion=looked_at.image.lesion)
        record_event(actor=None, action="view_image", hospital=hospital, obj=image)
    assert queries() == few


# The API ------------------------------------------------------------------------------------------


def test_audit_events_through_the_api(hospital, boss, events) -> None:
    api = client(boss)
    body = api.get(f"{API}/audit-events/?action=view_patient").json()
    (row,) = body["results"]
    assert row["hospital"] == str(hospital.pk)
    assert row["actor"]["name"] == "Ada"
    assert row["object_id"] == str(events["patient"].pk)
    assert (len(row["hash"]), row["at"][-1]) == (64, "Z")
    assert api.get(f"{API}/audit-events/?object_id={events['patient'].pk}").json()["results"] == [
        row
    ]
    assert api.get(f"{API}/audit-events/?patient={events['patient'].pk}").json()["results"] == [row]
    assert api.get(f"{API}/audit-events/?actor={boss.pk}&to=2001-01-01").json()["results"] == []
    assert AuditEvent.objects.filter(action="view_audit_log", hospital=hospital).count() == 4


def test_what_the_api_refuses_of_the_log(hospital, boss) -> None:
    assert_problem(client(doctor(hospital)).get(f"{API}/audit-events/"), 403, "permission_denied")
    assert_problem(client(boss, "read").get(f"{API}/audit-events/"), 403, "missing_scope")
    reversed_period = f"{API}/audit-events/?from=2026-02-01&to=2026-01-01"
    assert_problem(client(boss).get(reversed_period), 400, "period_reversed", "to")
    assert_problem(client(boss).get(f"{API}/audit-events/?actor=x"), 400, "invalid", "actor")


def test_a_wrong_filter_is_explained_to_who_administers_two_hospitals(boss, page) -> None:
    MembershipFactory(user=boss, hospital=HospitalFactory(), role=Role.ADMINISTRATOR)
    for wrong in ({"from": "2026-02-02", "to": "2026-01-01"}, {"object_id": "nobody"}):
        shown = page.get(reverse("audit-log"), wrong)
        assert shown.status_code == 400
        assert "Nothing is shown" in shown.content.decode()


def test_the_log_of_a_patient_takes_a_constant_number_of_queries(boss, hospital) -> None:
    patient, api = PatientFactory(hospital=hospital), client(boss)
    address = f"{API}/audit-events/?patient={patient.pk}"
    counts = []
    for _round in range(2):
        for _number in range(3):
            record_event(
                actor=doctor(hospital), action="view_patient", hospital=hospital, obj=patient
            )
        counts.append(count_queries(api, address))
    assert counts[0] == counts[1]
