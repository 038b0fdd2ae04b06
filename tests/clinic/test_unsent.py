"""A form whose token is no longer the browser's: refused, and what was typed into ours is kept."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from clinic.models import Patient
from tests.factories import PASSWORD, HospitalFactory, PatientFactory, doctor

pytestmark = pytest.mark.django_db
OWN = {"Origin": "http://testserver"}
TYPED = {"medical_record_number": "OLD-1", "family_name": "Kept", "sex": "unknown"}
FIELDS = TYPED | {"comes_back": "1"}


@pytest.fixture
def browser():
    """Somebody signed in, whose tokens are checked as outside of tests."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(doctor(HospitalFactory()))
    client.get(reverse("patient-create"))
    return client


def send(browser: Client, headers: dict | None = None, **fields):
    old = {"csrfmiddlewaretoken": "a" * 64}
    return browser.post(reverse("patient-create"), FIELDS | old | fields, headers=headers or OWN)


def offered(browser: Client) -> str:
    return browser.get(reverse("unsent")).content.decode()


def fresh(browser: Client) -> dict[str, str]:
    return {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}


def test_a_form_with_an_old_token_is_shown_again_and_sent_again(browser):
    assert send(browser)["Location"] == reverse("unsent")
    assert not Patient.objects.exists()

    page = offered(browser)
    assert "The form was too old. Nothing was sent" in page
    assert "A picture cannot be kept" not in page
    assert "a" * 64 not in page

    shown = browser.post(reverse("patient-create"), FIELDS | fresh(browser) | {"look": "old"})
    assert 'value="OLD-1"' in shown.content.decode()
    assert 'value="Kept"' in shown.content.decode()
    assert "look at it and send it again" in shown.content.decode()
    assert 'name="look"' not in shown.content.decode()
    assert not Patient.objects.exists()

    browser.post(reverse("patient-create"), FIELDS | fresh(browser))
    assert Patient.objects.get().family_name == "Kept"
    # offered once
    assert browser.get(reverse("unsent"))["Location"] == reverse("worklist")


def test_without_an_origin_the_referer_tells(browser):
    own = {"Referer": f"http://testserver{reverse('patient-create')}"}

    assert send(browser, own)["Location"] == reverse("unsent")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:8000"},
        {"Origin": "https://evil.example", "Referer": "http://testserver/patients/new/"},
        {"Referer": "http://testserver.evil.example/"},
        {"Referer": "http://evil.example/?http://testserver/"},
        {"Referer": "http://[testserver/"},
        {"X-Nothing": "said"},
    ],
)
def test_what_another_site_sends_is_refused_and_not_kept(browser, headers):
    response = send(browser, headers)

    assert response.status_code == 403
    assert "came from elsewhere" in response.content.decode()
    assert "unsent" not in browser.session
    assert not Patient.objects.exists()


def test_a_fragment_is_told_and_keeps_its_page(browser):
    assert send(browser, OWN | {"HX-Request": "true"}).status_code == 403
    assert "unsent" not in browser.session


def test_who_is_not_signed_in_leaves_nothing():
    stranger = Client(enforce_csrf_checks=True)

    assert send(stranger).status_code == 403
    assert "unsent" not in stranger.session


def test_what_is_refused_when_shown_again_does_not_go_round(browser):
    assert send(browser, look="old").status_code == 403


def test_too_much_is_not_kept(browser):
    assert send(browser, family_name="x" * 60_000).status_code == 403


def test_a_form_that_holds_a_password_is_not_kept(browser):
    fields = {"username": "somebody", "password": PASSWORD}

    assert browser.post(reverse("sign-in"), fields, headers=OWN).status_code == 403
    assert browser.post("/admin/login/", fields, headers=OWN).status_code == 403
    assert "unsent" not in browser.session


def test_a_new_password_is_typed_again(browser):
    fields = {"old_password": PASSWORD, "new_password1": "b", "new_password2": "b"}

    browser.post(reverse("password-change"), fields, headers=OWN)

    assert browser.session["unsent"]["fields"] == []


def test_a_lost_picture_is_named(browser):
    send(browser, file=SimpleUploadedFile("lesion.jpg", b"bytes"))

    assert "A picture cannot be kept: choose it again." in offered(browser)


def test_what_cannot_be_drawn_again_is_only_sent_again(browser):
    patient = PatientFactory()
    browser.post(reverse("lesion-create", args=[patient.pk]), {"label": "Mole"}, headers=OWN)

    assert "data-now" not in offered(browser)


def test_the_sign_in_says_that_the_text_was_kept(browser):
    browser.logout()
    told = browser.get(reverse("sign-in")).content.decode()
    assert "What you typed is kept" not in told

    sent = browser.post(reverse("patient-create"), FIELDS | fresh(browser), headers=OWN)
    told = browser.get(sent["Location"]).content.decode()

    assert "What you typed is kept for an hour" in told
