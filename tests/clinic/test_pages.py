"""Sign-in, patients, lesions, pictures and the account, as pages."""

import base64
import hashlib
import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from clinic.details import details_in_words
from clinic.models import ApiToken, AuditEvent, Lesion, Patient
from clinic.services.images import measure_image
from clinic.views import paging
from tests.factories import (
    PASSWORD,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    MembershipFactory,
    PatientFactory,
    UserFactory,
    doctor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def page(user):
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:
    return response.content.decode()


def queries(client: Client, address: str) -> int:
    """Of a second request: the first one fills caches."""
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


# Sign-in ------------------------------------------------------------------------------------------


def test_signing_in_and_out_is_noted(user):
    client = Client()
    answer = {"username": user.username, "password": PASSWORD}

    assert client.post(reverse("sign-in"), answer)["Location"] == reverse("worklist")
    assert client.post(reverse("sign-out"))["Location"] == reverse("sign-in")

    assert actions() == ["sign_in", "sign_out"]
    assert client.get(reverse("worklist")).status_code == 302


def test_a_wrong_password_says_so_and_keeps_the_name(user):
    response = Client().post(reverse("sign-in"), {"username": user.username, "password": "no"})

    assert "Please enter a correct username and password" in text(response)
    assert f'value="{user.username}"' in text(response)


def test_a_form_s_address_opened_by_hand_is_explained(page):
    response = page.get(reverse("diagnosis-patient"))

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "Go back" in text(response)


def test_a_password_waits_for_no_sign_in(user):
    browser = Client()
    fields = {"old_password": "a", "new_password1": "b", "new_password2": "c", "other": "d"}

    browser.post(reverse("password-change"), fields)

    assert browser.session["unsent"]["fields"] == [["other", "d"]]


def test_signing_in_leads_to_no_other_site(user):
    answer = {"username": user.username, "password": PASSWORD, "next": "https://example.org/"}

    assert Client().post(reverse("sign-in"), answer)["Location"] == reverse("worklist")


def test_too_many_wrong_passwords_close_the_account(user, settings):
    settings.AXES_FAILURE_LIMIT = 2
    client = Client()
    for _attempt in range(2):
        response = client.post(reverse("sign-in"), {"username": user.username, "password": "no"})

    assert response.status_code == 429
    assert "Too many attempts" in text(response)


def signs_in(name: str, password: str = PASSWORD) -> int:
    return Client().post(reverse("sign-in"), {"username": name, "password": password}).status_code


def test_a_name_signs_in_in_any_case_where_one_has_it():
    UserFactory(username="Doctor")
    assert [signs_in(name) for name in ("Doctor", "doctor", "DOCTOR")] == [302, 302, 302]
    UserFactory(username="doctor")
    assert [signs_in(name) for name in ("Doctor", "doctor", "DOCTOR")] == [302, 302, 200]
    assert signs_in("") == 200


def test_wrong_passwords_of_a_name_are_counted_together_in_any_case(settings):
    settings.AXES_FAILURE_LIMIT = 3
    UserFactory(username="doctor")
    tried = [signs_in(name, "no") for name in ("doctor", "Doctor", "DOCTOR")]
    assert (tried, signs_in("docTor")) == ([200, 200, 429], 429)


def test_a_right_password_forgets_the_wrong_ones_of_any_case(settings):
    settings.AXES_FAILURE_LIMIT = 3
    UserFactory(username="doctor")
    for _round in range(2):
        wrong = [signs_in("Doctor", "no"), signs_in("DOCTOR", "no")]
        assert (wrong, signs_in("dOctor")) == ([200, 200], 302)


def test_the_password_is_changed(page, user):
    new = "another long passphrase"
    response = page.post(
        reverse("password-change"),
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )

    assert response["Location"] == reverse("account")
    user.refresh_from_db()
    assert user.check_password(new)
    assert "change_password" in actions()


def test_a_short_password_is_refused(page, user):
    response = page.post(
        reverse("password-change"),
        {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"},
    )

    assert "at least 12 characters" in text(response)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


# Patients -----------------------------------------------------------------------------------------


def test_an_empty_list_offers_to_record_the_first_patient(page):
    response = page.get(reverse("patients"))

    assert "There is none yet" in text(response)
    assert reverse("patient-create") in text(response)


def test_patients_are_found_by_number_and_name(page, hospital):
    PatientFactory(hospital=hospital, medical_record_number="A-1", family_name="Quill")
    PatientFactory(hospital=hospital, medical_record_number="B-2", family_name="Reed")

    def search(words: str) -> str:
        return text(page.post(reverse("patients"), {"q": words}))

    assert "Quill" in search("a-1")
    assert "Reed" not in search("qui")
    assert "Reed" in search("ada ree")
    assert "No patient's number or name begins" in search("zz")


def test_a_list_goes_on_with_its_search(page, hospital):
    PatientFactory.create_batch(30, hospital=hospital)
    PatientFactory(hospital=hospital, medical_record_number="other", family_name="A")

    first = page.post(reverse("patients"), {"q": "MRN"})
    following = first.context["page"].next
    second = page.post(reverse("patients"), {"q": "MRN", "cursor": following})

    assert (text(first).count("row-link"), text(second).count("row-link")) == (25, 5)
    assert following in text(first)
    back = page.post(reverse("patients"), {"q": "MRN", "cursor": second.context["page"].previous})
    assert back.context["page"].rows == first.context["page"].rows
    assert page.get(reverse("patients"), {"cursor": "nonsense"}).status_code == 200


NAMES_IN_ORDER = [
    ("Abel", "ada"),
    ("de la Fuente García", "Ana"),
    ("Łoś", "Jan"),
    ("LOWE", "Ada"),
    ("núñez", "ana"),
    ("Nunez", "Zoe"),
    ("O\u2019Brien", "Ada"),
    ("Oda", "Ada"),
    ("Pena", "Zoe"),
    ("Peña Ruiz", "Ada"),
    ("van Dijk", "Jan"),
    ("van-Dyk", "Jan"),
    ("Zulu", "Ada"),
]


@pytest.mark.parametrize("hospitals", [1, 2])
def test_patients_stand_by_name_whatever_its_capitals_and_marks(
    page, user, hospital, hospitals, monkeypatch
):
    monkeypatch.setattr(paging, "PAGE_SIZE", 4)
    places = [hospital] + [MembershipFactory(user=user).hospital for _ in range(hospitals - 1)]
    for place, (family, given) in enumerate(reversed(NAMES_IN_ORDER)):
        owner = places[place % hospitals]
        PatientFactory(hospital=owner, family_name=family, given_name=given)

    found, at, pages = [], "", []
    while at is not None:
        pages.append(page.get(reverse("patients"), {"cursor": at}).context["page"])
        found += [(row.family_name, row.given_name) for row in pages[-1].rows]
        at = pages[-1].next

    assert found == NAMES_IN_ORDER
    before = page.get(reverse("patients"), {"cursor": pages[-1].previous}).context["page"]
    assert before.rows == pages[-2].rows


def test_no_name_that_is_searched_for_stands_in_an_address(page, hospital):
    PatientFactory.create_batch(30, hospital=hospital, given_name="Hapax")

    response = text(page.post(reverse("patients"), {"q": "Hapax"}))

    addresses = re.findall(r'(?:href|action|hx-get)="([^"]*)"', response)
    assert addresses
    assert not [address for address in addresses if "Hapax" in address]


def test_the_address_of_a_page_of_the_list_tells_no_name(page, hospital):
    PatientFactory.create_batch(30, hospital=hospital, family_name="Hapax")

    (position,) = set(re.findall(r"cursor=([^\"&]+)", text(page.get(reverse("patients")))))

    # as a signed one was written: the values, and a signature behind a colon
    assert b"Hapax" not in base64.urlsafe_b64decode(position.split(":")[0] + "==")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"medical_record_number": ""}, "This field is required."),
        ({"medical_record_number": "known"}, "is already recorded at this hospital"),
        ({"birth_date": "2190-01-01"}, "The birth date lies in the future."),
        ({"birth_date": "1700-01-01"}, "The birth date is too long ago."),
        ({"birth_date": "yesterday"}, "Enter a date as year-month-day"),
        ({"sex": "somebody"}, "Select a valid choice."),
        ({"skin_type": "IX"}, "Select a valid choice."),
    ],
)
def test_a_wrong_patient_is_explained_and_nothing_typed_is_lost(page, hospital, fields, sentence):
    PatientFactory(hospital=hospital, medical_record_number="known")
    typed = {"medical_record_number": "new", "family_name": "Quill", "sex": "female"} | fields

    response = page.post(reverse("patient-create"), typed)

    assert 400 <= response.status_code < 500
    assert sentence in text(response)
    assert 'value="Quill"' in text(response)
    assert Patient.objects.count() == 1


def test_the_hospital_is_asked_where_there_are_several(page, user, hospital):
    assert 'type="hidden" name="hospital"' in text(page.get(reverse("patient-create")))
    other = MembershipFactory(user=user, hospital=HospitalFactory(name="Beta")).hospital

    response = page.get(reverse("patient-create"))
    assert '<select name="hospital"' in text(response)
    page.post(
        reverse("patient-create"),
        {"hospital": str(other.pk), "medical_record_number": "1", "sex": "male"},
    )

    assert Patient.objects.get().hospital == other


def test_a_patient_is_recorded_only_at_an_own_hospital(page):
    elsewhere = HospitalFactory()

    response = page.post(
        reverse("patient-create"),
        {"hospital": str(elsewhere.pk), "medical_record_number": "1", "sex": "male"},
    )

    assert response.status_code == 400
    assert not Patient.objects.exists()


def test_a_patient_is_corrected(page, hospital):
    patient = PatientFactory(hospital=hospital)
    typed = {"medical_record_number": "9", "sex": "other", "personal_history_of_melanoma": "true"}

    response = page.post(reverse("patient-edit", args=[patient.pk]), typed)

    assert response["Location"] == reverse("patient", args=[patient.pk])
    patient.refresh_from_db()
    assert (patient.medical_record_number, patient.sex) == ("9", "other")
    assert patient.personal_history_of_melanoma is True


def test_a_number_that_is_taken_leads_to_its_patient(page, hospital):
    known = PatientFactory(hospital=hospital, medical_record_number="N-17")
    other = PatientFactory(hospital=hospital, medical_record_number="N-18")
    typed = {"medical_record_number": "n-17", "family_name": "Kept", "sex": "male"}
    link = f'href="{reverse("patient", args=[known.pk])}"'

    for address in (reverse("patient-create"), reverse("patient-edit", args=[other.pk])):
        response = page.post(address, typed)
        assert response.status_code == 409
        assert link in text(response)
        assert 'value="Kept"' in text(response)
    # no link where the number is wrong in another way, or the patient's own
    for address, number in (
        (reverse("patient-create"), "\u200bN-17"),
        (reverse("patient-edit", args=[known.pk]), "N-17\u200b"),
    ):
        response = page.post(address, typed | {"medical_record_number": number})
        assert (response.status_code, response.context["known"]) == (400, None)


def test_a_number_of_another_hospital_leads_nowhere(page, user, hospital):
    """Also where the doctor works at both: what is asked is the hospital of the form."""
    elsewhere = PatientFactory(medical_record_number="N-17")
    number = {"medical_record_number": "N-17", "sex": "male"}
    stranger = page.post(reverse("patient-create"), number | {"family_name": "x" * 101})
    assert stranger.status_code == 400
    assert str(elsewhere.pk) not in text(stranger)
    MembershipFactory(user=user, hospital=elsewhere.hospital)
    made = page.post(reverse("patient-create"), number | {"hospital": str(hospital.pk)})
    assert made.status_code == 302
    taken = page.post(reverse("patient-create"), number | {"hospital": str(hospital.pk)})
    assert taken.status_code == 409
    assert str(elsewhere.pk) not in text(taken)


# Of two who correct the same record, the second is told -------------------------------------------


def typed_into(page, address) -> dict:
    """The fields of the form as it was shown."""
    form = page.get(address).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in shown.items() if value is not None}


def test_what_was_changed_in_another_tab_stays_where_this_one_left_it(page, hospital):
    patient = PatientFactory(hospital=hospital, family_name="Old", sex="female")
    address = reverse("patient-edit", args=[patient.pk])
    first, second = typed_into(page, address), typed_into(page, address)
    page.post(address, first | {"family_name": "New", "sex": "male"})

    assert page.post(address, second | {"given_name": "Typed"}).status_code == 302

    patient.refresh_from_db()
    assert (patient.family_name, patient.given_name, patient.sex) == ("New", "Typed", "male")


def test_of_two_who_type_into_the_same_field_the_second_is_told(page, hospital):
    patient = PatientFactory(hospital=hospital, family_name="Old", sex="female", birth_date=None)
    address = reverse("patient-edit", args=[patient.pk])
    first, second = typed_into(page, address), typed_into(page, address)
    theirs = {"family_name": "New", "sex": "male", "birth_date": "1980-02-01", "skin_type": "II"}
    page.post(address, first | theirs | {"family_history_of_melanoma": "true"})

    told = page.post(address, second | {"family_name": "Typed", "given_name": "Typed"})

    assert told.status_code == 409
    patient.refresh_from_db()
    assert (patient.family_name, patient.given_name) == ("New", first["given_name"])
    form = told.context["form"]
    assert sorted(form.errors) == ["__all__", "family_name"]
    assert "“New”" in form.errors["family_name"][0]
    # nothing typed is lost, and who has seen it may save
    assert text(told).count('value="Typed"') == 2
    # what nobody typed here is as it stands now
    assert 'value="1980-02-01"' in text(told)
    again = {name: form[name].value() for name in form.fields}
    again = {name: value for name, value in again.items() if value is not None}
    assert page.post(address, again).status_code == 302
    patient.refresh_from_db()
    assert (patient.family_name, patient.given_name) == ("Typed", "Typed")
    assert (patient.sex, patient.birth_date.isoformat()) == ("male", "1980-02-01")
    assert (patient.skin_type, patient.family_history_of_melanoma) == ("II", True)


def test_a_form_that_is_sent_twice_is_no_conflict(page, hospital):
    patient = PatientFactory(hospital=hospital)
    address = reverse("patient-edit", args=[patient.pk])
    typed = typed_into(page, address) | {"family_name": "New", "skin_type": ""}
    assert [page.post(address, typed).status_code for _twice in range(2)] == [302, 302]


MOVED = {"body_view": "back", "body_x": "0.4", "body_y": "0.3", "diameter_mm": "4.50"}


@pytest.fixture
def placed(hospital):
    place = {"body_view": "front", "body_x": 0.5, "body_y": 0.5}
    return LesionFactory(patient__hospital=hospital, **place, notes="Old", diameter_mm="3.00")


def test_a_lesion_that_another_tab_moved_stays_there(page, placed):
    address = reverse("lesion-edit", args=[placed.pk])
    first, second = typed_into(page, address), typed_into(page, address)
    assert page.post(address, first | MOVED).status_code == 302

    assert page.post(address, second | {"notes": "Typed"}).status_code == 302

    placed.refresh_from_db()
    assert (placed.body_view, placed.body_x, placed.notes) == ("back", 0.4, "Typed")
    assert placed.diameter_mm == Decimal("4.50")


def test_of_two_who_move_a_lesion_the_second_is_told(page, placed):
    address = reverse("lesion-edit", args=[placed.pk])
    first, second = typed_into(page, address), typed_into(page, address)
    assert page.post(address, first | MOVED).status_code == 302

    # a place is one thing, also where only one of its numbers is another
    told = page.post(address, second | {"body_x": "0.45", "notes": "Typed"})

    assert told.status_code == 409
    form = told.context["form"]
    assert sorted(form.errors) == ["__all__", "body_view"]
    assert "Typed</textarea>" in text(told)
    shown = [form[name].value() for name in ("body_view", "body_x", "body_y")]
    assert [str(value) for value in shown] == ["front", "0.45", "0.5"]
    assert str(form["diameter_mm"].value()) in ("4.5", "4.50")
    placed.refresh_from_db()
    assert (placed.body_view, placed.notes) == ("back", "Old")


def test_a_tap_on_the_figure_remembers_what_was_seen(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)
    address = reverse("lesion-edit", args=[lesion.pk])
    typed = typed_into(page, address)
    tapped = page.post(address, typed | {"front.x": "60", "front.y": "100"})
    assert tapped.context["form"]["seen"].value() == typed["seen"]


PLACES = [("front", 0.5, 0.3), ("back", 0.45, 0.26)]


def make_placed(patient, places=PLACES):
    return [
        LesionFactory(patient=patient, body_view=view, body_x=x, body_y=y) for view, x, y in places
    ]


def shown_numbers(response) -> list[str]:
    """Of the lesions on the figure, where a script draws it."""
    layers = re.findall(r'<svg id="standing-\w+".*?</svg>', text(response), re.DOTALL)
    return [number for layer in layers for number in re.findall(r"<text[^>]*>(\d+)</text>", layer)]


def test_a_new_lesion_is_placed_beside_those_that_are_recorded(page, hospital):
    patient = PatientFactory(hospital=hospital)
    make_placed(patient)
    LesionFactory(patient=patient)
    LesionFactory(patient=patient, body_view="front", body_x=0.4, body_y=0.6, in_error=True)
    make_placed(PatientFactory(hospital=hospital))

    response = page.get(reverse("lesion-create", args=[patient.pk]))

    assert shown_numbers(response) == ["1", "2"]
    assert "2 recorded lesions of this patient are shown on the figure." in text(response)


def test_a_lesion_that_is_corrected_is_not_shown_beside_its_mark(page, hospital):
    patient = PatientFactory(hospital=hospital)
    first, _second = make_placed(patient)
    response = page.get(reverse("lesion-edit", args=[first.pk]))
    assert shown_numbers(response) == ["2"]
    assert "1 recorded lesion of this patient is shown on the figure." in text(response)


def test_the_figure_of_a_new_lesion_asks_no_more_for_many(page, hospital):
    few, many = PatientFactory(hospital=hospital), PatientFactory(hospital=hospital)
    few_placed, many_placed = make_placed(few), make_placed(many, PLACES * 4)
    for name, one, other in (
        ("lesion-create", few, many),
        ("lesion-edit", few_placed[0], many_placed[0]),
    ):
        addresses = [reverse(name, args=[record.pk]) for record in (one, other)]
        assert queries(page, addresses[0]) == queries(page, addresses[1])


def test_without_scripts_too_the_figure_shows_what_is_recorded(page, hospital):
    patient = PatientFactory(hospital=hospital)
    make_placed(patient)
    html = text(page.get(reverse("lesion-create", args=[patient.pk])))
    plain = re.search(r"<noscript>.*?</noscript>", html, re.DOTALL)
    assert plain
    assert re.findall(r"<text[^>]*>(\d+)</text>", plain[0]) == ["1", "2"]
    assert "id=" not in plain[0]


@pytest.mark.parametrize("seen", ["x", "\0", "a b c d e f g h i j k", "é" * 5000])
def test_a_mark_of_what_was_seen_that_makes_no_sense_is_no_error_of_ours(page, hospital, seen):
    patient = PatientFactory(hospital=hospital)
    address = reverse("patient-edit", args=[patient.pk])
    typed = typed_into(page, address) | {"seen": seen, "given_name": "Typed"}
    assert page.post(address, typed).status_code in (400, 409)


def test_no_name_becomes_markup(page, hospital):
    evil = "<script>alert(1)</script>"
    patient = PatientFactory(hospital=hospital, family_name=evil, medical_record_number=evil)
    lesion = LesionFactory(patient=patient, label=evil, notes=evil)
    addresses = [
        reverse("patients"),
        reverse("patient", args=[patient.pk]),
        reverse("patient-edit", args=[patient.pk]),
        reverse("lesion", args=[lesion.pk]),
        reverse("lesion-edit", args=[lesion.pk]),
        reverse("diagnosis-create") + f"?lesion={lesion.pk}",
    ]

    for address in addresses:
        assert "<script>alert" not in text(page.get(address)), address
    found = page.post(reverse("patients"), {"q": evil})
    assert "<script>alert" not in text(found)


# Lesions ------------------------------------------------------------------------------------------


def test_a_lesion_is_recorded_and_described(page, hospital):
    patient = PatientFactory(hospital=hospital)
    typed = {"anatom_site": "palms/soles", "laterality": "left", "diameter_mm": "4.5"}

    page.post(reverse("lesion-create", args=[patient.pk]), typed)
    lesion = Lesion.objects.get()
    page.post(reverse("lesion-edit", args=[lesion.pk]), typed | {"notes": "Itches."})

    lesion.refresh_from_db()
    assert (lesion.patient, lesion.anatom_site, lesion.notes) == (
        patient,
        "palms/soles",
        "Itches.",
    )


@pytest.mark.parametrize(
    ("size", "english", "spanish"), [("4.50", "4.5", "4,5"), ("4", "4", "4"), ("40.00", "40", "40")]
)
def test_a_diameter_is_shown_as_it_was_measured(page, user, hospital, size, english, spanish):
    lesion = LesionFactory(patient__hospital=hospital, diameter_mm=size)
    image = ImageFactory(lesion=lesion, diameter_mm=size)
    measure_image(actor=user, image=image, diameter_mm=Decimal(size))
    controls = f'value="{english}"'
    for language, number in (("en", english), ("es", spanish)):
        page.cookies["nevus_language"] = language
        shown = text(page.get(reverse("lesion", args=[lesion.pk])))
        assert shown.count(f"{number} mm<") == 2
        # a control of a browser takes a point, whatever the language
        assert controls in shown
        assert controls in text(page.get(reverse("lesion-edit", args=[lesion.pk])))
        event = AuditEvent.objects.get(action="measure_image")
        with translation.override(language):
            assert details_in_words(event).endswith(f" {number}")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"anatom_site": "elbow"}, "Select a valid choice."),
        ({"first_noticed": "2190-01-01"}, "The date lies in the future."),
        ({"diameter_mm": "-1"}, "greater than or equal to 0.01"),
        ({"diameter_mm": "wide"}, "Enter a number."),
    ],
)
def test_a_wrong_lesion_is_explained(page, hospital, fields, sentence):
    patient = PatientFactory(hospital=hospital)

    response = page.post(
        reverse("lesion-create", args=[patient.pk]), {"label": "kept words"} | fields
    )

    assert response.status_code == 400
    assert sentence in text(response)
    assert "kept words" in text(response)
    assert not Lesion.objects.exists()


def test_the_form_of_a_new_lesion_opens_at_the_place_that_was_tapped(page, hospital):
    patient = PatientFactory(hospital=hospital)
    address = reverse("lesion-create", args=[patient.pk])

    form = page.get(address, {"view": "back", "x": "0.4", "y": "0.3"}).context["form"]

    assert form.initial["anatom_site"] == "posterior torso"
    for wrong in (
        {"view": "top"},
        {"view": "back", "x": "2", "y": "0"},
        {"view": "back", "x": "a"},
    ):
        assert page.get(address, wrong).context["form"].initial == {}


def test_without_scripts_a_tap_on_the_figure_marks_the_place_and_keeps_what_was_typed(
    page, hospital
):
    patient = PatientFactory(hospital=hospital)
    address = reverse("lesion-create", args=[patient.pk])

    response = page.post(address, {"label": "kept words", "front.x": "27", "front.y": "90"})

    assert not Lesion.objects.exists()
    assert "kept words" in text(response)
    form = response.context["form"]
    assert (form.initial["anatom_site"], form.initial["laterality"]) == ("upper extremity", "right")
    assert "/body-map/front.svg?x=36.0&amp;y=120.0" in text(response)
    page.post(address, {name: form[name].value() or "" for name in form.fields})
    lesion = Lesion.objects.get()
    assert (lesion.body_view, lesion.body_x, lesion.body_y) == ("front", 0.225, 0.3)
    assert (lesion.anatom_site, lesion.label) == ("upper extremity", "kept words")


def test_a_key_on_the_figure_sends_the_form(page, hospital):
    """A browser sends 0, 0 where the button was pressed by a key."""
    patient = PatientFactory(hospital=hospital)

    page.post(
        reverse("lesion-create", args=[patient.pk]), {"label": "a", "front.x": "0", "front.y": "0"}
    )

    assert Lesion.objects.get().body_view is None


def test_the_figure_is_a_picture_without_a_record(client):
    response = client.get(reverse("body-map", args=["back"]), {"x": "80", "y": "100"})

    assert response["Content-Type"] == "image/svg+xml"
    assert "translate(80.0 100.0)" in text(response)
    assert "translate" not in text(client.get(reverse("body-map", args=["back"]), {"x": "<"}))
    assert client.get("/body-map/top.svg").status_code == 404


# Pictures -----------------------------------------------------------------------------------------


def test_a_picture_is_given_whole_and_privately(page, hospital):
    image = ImageFactory(lesion__patient__hospital=hospital)

    response = page.get(reverse("image-file", args=[image.pk]))

    assert hashlib.sha256(response.content).hexdigest() == image.sha256
    assert response["Content-Type"] == "image/jpeg"
    assert "private" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"].startswith('inline; filename="image-')
    assert actions() == ["view_image"]


@pytest.mark.parametrize("name", ["image-file", "image-thumbnail"])
def test_a_picture_that_the_browser_has_is_not_sent_again(page, hospital, name):
    image = ImageFactory(lesion__patient__hospital=hospital)
    address = reverse(name, args=[image.pk])
    etag = page.get(address)["ETag"]

    response = page.get(address, headers={"If-None-Match": etag})

    assert (response.status_code, response.content) == (304, b"")
    assert "private" in response["Cache-Control"]


def test_a_thumbnail_is_a_small_jpeg_that_is_not_noted(page, hospital):
    image = ImageFactory(lesion__patient__hospital=hospital)

    response = page.get(reverse("image-thumbnail", args=[image.pk]))

    assert response.content.startswith(b"\xff\xd8\xff")
    assert actions() == []


def test_an_altered_picture_is_not_shown(page, hospital, media):
    image = ImageFactory(lesion__patient__hospital=hospital)
    path = media / image.file.name
    path.write_bytes(path.read_bytes() + b"x")

    response = page.get(reverse("image-file", args=[image.pk]))

    assert response.status_code == 409
    assert "was altered" in text(response)


@pytest.mark.parametrize("name", ["image-file", "image-thumbnail"])
def test_a_missing_picture_is_said_to_be_missing(page, hospital, media, name):
    image = ImageFactory(lesion__patient__hospital=hospital)
    (media / image.file.name).unlink()
    (media / image.thumbnail.name).unlink()

    assert page.get(reverse(name, args=[image.pk])).status_code == 503


# Account ------------------------------------------------------------------------------------------


def test_a_token_is_shown_once(page):
    typed = {"name": "archive", "scopes": ["read", "write"], "days": "30"}

    response = page.post(reverse("account"), typed)

    assert text(response).count("nevus_") == 1
    assert "nevus_" not in text(page.get(reverse("account")))
    assert ApiToken.objects.get().scopes == ["read", "write"]


def test_a_token_without_a_scope_is_refused(page):
    response = page.post(reverse("account"), {"name": "archive", "days": "30"})

    assert response.status_code == 400
    assert 'value="archive"' in text(response)
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked(page):
    page.post(reverse("account"), {"name": "archive", "scopes": ["read"], "days": "30"})

    page.post(reverse("token-revoke", args=[ApiToken.objects.get().pk]))

    assert not ApiToken.objects.get().is_usable
    assert "Revoked" in text(page.get(reverse("account")))


# The frame ----------------------------------------------------------------------------------------


def test_pages_carry_a_strict_policy_and_obey_it(page):
    response = page.get(reverse("patients"))

    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert " style=" not in text(response)
    assert "<style" not in text(response)
    assert "<script>" not in text(response)
    assert "no-store" in response["Cache-Control"]


def test_an_unknown_page_says_so(page):
    response = page.get("/nowhere/")

    assert response.status_code == 404
    assert "There is no such page." in text(response)


def test_a_form_without_a_token_is_refused_in_words(user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    response = client.post(reverse("patient-create"), {"medical_record_number": "1"})

    assert response.status_code == 403
    assert "The form was too old or came from elsewhere" in text(response)


def test_every_read_is_noted_once(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)

    page.get(reverse("patients"))
    page.get(reverse("patient", args=[lesion.patient_id]))
    page.get(reverse("lesion", args=[lesion.pk]))

    assert actions() == ["list_patients", "view_patient", "view_lesion"]


def test_the_patients_take_a_constant_number_of_queries(page, hospital):
    PatientFactory(hospital=hospital)
    one = queries(page, reverse("patients"))
    PatientFactory.create_batch(19, hospital=hospital)

    assert queries(page, reverse("patients")) == one


# The operator -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "clinic/hospital/",
        "clinic/user/",
        "clinic/membership/add/",
        "clinic/auditevent/",
        "clinic/apitoken/",
        "diagnosis/modelversion/",
        "diagnosis/modelpolicy/add/",
        "diagnosis/worker/",
    ],
)
def test_the_operators_pages_open(address):
    client = Client()
    client.force_login(doctor(HospitalFactory(), is_staff=True, is_superuser=True))

    assert client.get(f"/admin/{address}").status_code == 200


def test_what_the_operator_does_is_noted():
    client = Client()
    client.force_login(doctor(HospitalFactory(), is_staff=True, is_superuser=True))

    client.post("/admin/clinic/hospital/add/", {"name": "Gamma"})

    assert AuditEvent.objects.get(action="create_hospital").hospital.name == "Gamma"


def test_a_search_for_what_no_database_can_hold_finds_nobody(page, hospital):
    PatientFactory(hospital=hospital, family_name="Quill")
    shown = page.post(reverse("patients"), {"q": "Qui\0ll"})
    assert shown.status_code == 200
    assert "Quill</" not in text(shown)
