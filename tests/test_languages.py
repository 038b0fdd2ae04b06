"""The pages in Spanish, and the choice of the language."""

import csv
import io
import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from diagnosis import card, curves, figures
from tests.api_client import API, client
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    InvitationFactory,
    ModelPolicyFactory,
    ReviewFactory,
    member,
)
from tests.support.visible import visible

pytestmark = pytest.mark.django_db
# words that no Spanish sentence has
ENGLISH = re.compile(
    r"\b(the|of|is|are|was|were|and|not|with|for|this|that|by|from|your|you|it|to|has|which)\b",
    re.IGNORECASE,
)
PAGES = (
    "worklist",
    "patients",
    "patient-create",
    "diagnosis-create",
    "recalls",
    "hospital-report",
    "models",
    "staff",
    "hospital-settings",
    "audit-log",
    "account",
    "password-change",
)


@pytest.fixture
def hospital():
    return ModelPolicyFactory(hospital=HospitalFactory(name="Alfa")).hospital


@pytest.fixture
def spanish(hospital) -> Client:
    found = Client(headers={"accept-language": "es"})
    found.force_login(member(hospital, "doctor", "administrator"))
    return found


@pytest.fixture
def review(hospital):
    """A patient with every kind of reading, a signed review and a finding."""
    review = ReviewFactory(request__image__lesion__patient__hospital=hospital, signed=True)
    image = review.request.image
    for trait in ("running", "succeeded", "failed", "rejected", "cancelled"):
        DiagnosisRequestFactory(image=image, **{trait: True})
    HistopathologyFactory(lesion=image.lesion, confirmed_by="Laboratorio")
    InvitationFactory(hospital=hospital)
    return review


def english(html: str, *data: str) -> list[str]:
    """What is left in English: a message that has a Spanish one, or a sentence with such words."""
    # the house's name stands once on a page; elsewhere the word is a class
    texts = visible(html.replace("> Nevus\n", ">", 1))
    # the choice of the language names each in its own words
    texts = [text for text in texts if text not in ("English", *data)]
    with translation.override("es"):
        return [text for text in texts if translation.gettext(text) != text or ENGLISH.search(text)]


def data_of(review) -> list[str]:
    """Texts of the records and of the model's manifest, which nobody translates."""
    manifest = review.request.model_version.manifest
    facts = [name for name, _value in card.read(manifest).facts]
    return [manifest["intended_use"], *manifest["limits"], *facts, review.notes]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("filled", [True, False], ids=["filled", "empty"])
def test_a_page_is_spanish(name, filled, spanish, request) -> None:
    data = data_of(request.getfixturevalue("review")) if filled else []
    response = spanish.get(reverse(name), headers={"accept-language": "es"})
    html = response.content.decode()
    assert '<html lang="es">' in html
    assert response["Content-Language"] == "es"
    assert "Accept-Language" in response["Vary"]
    assert english(html, *data) == []


def test_the_pages_of_a_record_are_spanish(spanish, review) -> None:
    image = review.request.image
    pages = [
        reverse("patient", args=[image.lesion.patient_id]),
        reverse("patient-edit", args=[image.lesion.patient_id]),
        reverse("lesion", args=[image.lesion_id]),
        reverse("lesion-edit", args=[image.lesion_id]),
        reverse("histopathology-create", args=[image.lesion_id]),
        reverse("model", args=[review.request.model_version_id]),
        *(reverse("diagnosis", args=[row.pk]) for row in image.requests.all()),
    ]
    for address in pages:
        html = spanish.get(address).content.decode()
        assert english(html, *data_of(review)) == [], address


def test_what_a_manifest_names_is_spanish() -> None:
    metrics = {"confusion": [[3, 1], [0, 2]], "curves": {}}
    found = {"classes": ["mel", "nv"], "metrics": metrics}
    with translation.override("es"):
        names = [heading.name for heading in figures.confusion(found).headings]
        assert names == ["Melanoma", "Nevo"]
        assert curves.curve_name("nv") == "Nevo"
        assert [card.words(name) for name in ("age", "60 and over", "lower extremity")] == [
            "Edad",
            "60 años o más",
            "Extremidad inferior",
        ]
    assert card.words("60 and over") == "60 and over"


def test_what_is_refused_is_said_in_spanish(spanish) -> None:
    forms = {
        "patient-create": {"birth_date": "ayer"},
        "account": {"name": "", "days": "0"},
        "password-change": {"old_password": "x", "new_password1": "1", "new_password2": "2"},
        "hospital-settings": {"alarm_hours": "-1", "monitor_from": "90"},
        "diagnosis-create": {},
    }
    for name, form in forms.items():
        html = spanish.post(reverse(name), form).content.decode()
        assert 'role="alert"' in html, name
        assert english(html) == [], name
    assert english(spanish.get("/nowhere/").content.decode()) == []


def test_english_is_noticed() -> None:
    assert english("<p>Worklist</p><p>Lista de trabajo</p><p>3 of the orders</p>") == [
        "Worklist",
        "3 of the orders",
    ]


# The choice ---------------------------------------------------------------------------------------


def sign_in_page(browser: Client) -> str:
    return browser.get(reverse("sign-in")).content.decode()


def test_the_language_is_chosen_before_signing_in_and_changed_back() -> None:
    browser = Client(headers={"accept-language": "en"})
    assert "Sign in" in sign_in_page(browser)
    for code, words in (("es", "Iniciar sesión"), ("en", "Sign in")):
        form = {"language": code, "next": reverse("sign-in")}
        response = browser.post(reverse("set_language"), form)
        assert (response.status_code, response["Location"]) == (302, reverse("sign-in"))
        assert words in sign_in_page(browser)
        assert f'<option value="{code}" lang="{code}" selected>' in sign_in_page(browser)
        # each in its own words: who does not read the page's language finds theirs
        assert ">English</option>" in sign_in_page(browser)
        assert ">Español</option>" in sign_in_page(browser)


def test_the_cookie_lasts_and_no_script_reads_it() -> None:
    response = Client().post(reverse("set_language"), {"language": "es"})
    cookie = response.cookies["nevus_language"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == ("es", True, "Lax")
    assert cookie["max-age"] > 300 * 24 * 3600


@pytest.mark.parametrize(
    ("form", "target"),
    [
        ({"language": "es", "next": "https://elsewhere.example/"}, "/"),
        ({"language": "xx", "next": "/sign-in/"}, "/sign-in/"),
    ],
    ids=["foreign address", "unknown language"],
)
def test_a_bad_choice_changes_nothing_else(form, target) -> None:
    response = Client().post(reverse("set_language"), form)
    assert (response.status_code, response["Location"]) == (302, target)
    assert ("nevus_language" in response.cookies) is (form["language"] == "es")


def test_an_unknown_language_falls_back_to_english() -> None:
    response = Client(headers={"accept-language": "fr"}).get(reverse("sign-in"))
    assert response["Content-Language"] == "en"


# What leaves the pages ----------------------------------------------------------------------------


def words_of(response, *names: str) -> set[tuple[str, ...]]:
    content = b"".join(response).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(content))
    return {tuple(row[name] for name in names) for row in rows}


def test_a_person_s_csv_is_in_their_words_and_the_api_s_never_changes(spanish, review) -> None:
    found = words_of(
        spanish.get(reverse("hospital-report-csv")), "Estado", "IA: clase más probable"
    )
    assert ("Leída", "Nevo") in found
    user = review.request.hospital.memberships.filter(role="doctor").first().user
    for language in ("en", "es"):
        address = f"{API}/reports/hospital/?format=csv"
        response = client(user).get(address, HTTP_ACCEPT_LANGUAGE=language)
        found = words_of(response, "status", "diagnosis")
        assert ("Read", "Nevus") in found


def test_the_api_answers_in_english_unless_asked(hospital) -> None:
    api = client()
    plain, asked = api.get(f"{API}/me/"), api.get(f"{API}/me/", HTTP_ACCEPT_LANGUAGE="es")
    assert plain["Content-Language"] == "en"
    assert plain.json()["code"] == asked.json()["code"]
    assert plain.json()["detail"] != asked.json()["detail"]


def test_a_mail_is_written_in_the_sender_s_language(spanish, settings) -> None:
    settings.NEVUS_SENDS_MAIL = True
    form = {"name": "Nell", "role": "doctor", "email": "nell@example.org"}
    spanish.post(reverse("staff"), form)
    assert mail.outbox[0].subject == "Su acceso a Nevus"
    assert mail.outbox[0].body.startswith("Se le invita a Nevus en Alfa.")
