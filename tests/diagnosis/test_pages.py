"""New diagnosis, answer, review, worklist, report and models, as pages."""

import csv
import datetime
import io
from datetime import timedelta
from unittest import mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clinic.models import AuditEvent, Image, Lesion, Patient
from clinic.services.entered_in_error import mark_entered_in_error
from diagnosis import interpretation
from diagnosis.models import DiagnosisRequest, ModelPolicy, Review, Status, Worker
from diagnosis.services.reviews import save_review
from diagnosis.services.settings import change_settings
from tests.factories import (
    PASSWORD,
    DiagnosisRequestFactory,
    HeatMapFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    MembershipFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    PatientFactory,
    ReviewFactory,
    administrator,
    doctor,
    jpeg_bytes,
    png_bytes,
)

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def hospital():
    return ModelPolicyFactory(hospital=HospitalFactory(name="Alpha")).hospital


@pytest.fixture
def user(hospital):
    return doctor(hospital, first_name="Ada", last_name="Signer")


@pytest.fixture
def page(user):
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:
    return response.content.decode()


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def picture(content: bytes | None = None, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, jpeg_bytes() if content is None else content)


def form(**fields) -> dict:
    return {
        "medical_record_number": "M-1",
        "family_name": "Quill",
        "sex": "female",
        "birth_date": "1961-04-30",
        "anatom_site": "lower extremity",
        "laterality": "left",
        "image_type": "dermoscopic",
        "dermoscopic_type": "contact polarized",
        "file": picture(),
    } | fields


def stored() -> tuple[int, int, int, int]:
    models = (Patient, Lesion, Image, DiagnosisRequest)
    return tuple(model.objects.count() for model in models)


# New diagnosis ------------------------------------------------------------------------------------


def test_one_form_records_patient_lesion_picture_and_order(page, user):
    response = page.post(reverse("diagnosis-create"), form())

    request = DiagnosisRequest.objects.get()
    assert response["Location"] == reverse("diagnosis", args=[request.pk])
    assert (request.status, request.requested_by) == (Status.QUEUED, user)
    image, lesion = request.image, request.image.lesion
    assert image.dermoscopic_type == "contact polarized"
    assert (lesion.anatom_site, lesion.laterality) == ("lower extremity", "left")
    patient = lesion.patient
    assert (patient.medical_record_number, patient.sex) == ("M-1", "female")
    assert patient.birth_date.isoformat() == "1961-04-30"


def test_with_htmx_the_browser_is_told_where_to_go(page):
    response = page.post(reverse("diagnosis-create"), form(), headers=FRAGMENT)

    request = DiagnosisRequest.objects.get()
    assert response.status_code == 204
    assert response["HX-Redirect"] == reverse("diagnosis", args=[request.pk])


@pytest.mark.parametrize("typed", [" M-1 ", "m-1"])
def test_a_known_number_is_that_patient(page, hospital, typed):
    known = PatientFactory(hospital=hospital, medical_record_number="M-1", family_name="Reed")

    fields = {"birth_date": "", "medical_record_number": typed}

    # nobody has seen yet whose number it is
    refusal = page.post(reverse("diagnosis-create"), form(**fields))
    assert refusal.status_code == 400
    assert "This number is known. Look below whose it is" in text(refusal)
    assert f'name="known" value="{known.pk}"' in text(refusal)
    assert stored() == (1, 0, 0, 0)
    page.post(reverse("diagnosis-create"), form(**fields, known=str(known.pk)))

    assert DiagnosisRequest.objects.get().image.lesion.patient == known
    known.refresh_from_db()
    assert known.family_name == "Reed"


@pytest.mark.parametrize(
    ("number", "sentence"),
    [("M-2", "This number is known."), ("M-3", "No patient has this number.")],
)
def test_a_number_that_was_typed_over_is_looked_at_again(page, hospital, number, sentence):
    shown, _other = (
        PatientFactory(hospital=hospital, medical_record_number=f"M-{n}") for n in (1, 2)
    )
    fields = form(medical_record_number=number, known=str(shown.pk), birth_date="", sex="")

    assert sentence in text(page.post(reverse("diagnosis-create"), fields))
    assert stored() == (2, 0, 0, 0)


def test_a_known_number_with_another_birth_date_is_questioned(page, hospital):
    PatientFactory(hospital=hospital, medical_record_number="M-1")

    response = page.post(reverse("diagnosis-create"), form())

    assert response.status_code == 400
    assert "another birth date" in text(response)
    assert stored() == (1, 0, 0, 0)


def test_the_same_number_at_another_hospital_is_another_patient(page):
    other = PatientFactory(medical_record_number="M-1")

    page.post(reverse("diagnosis-create"), form())

    assert DiagnosisRequest.objects.get().image.lesion.patient != other


def test_a_known_lesion_gets_another_picture(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)
    number = lesion.patient.medical_record_number

    fields = {"medical_record_number": number, "known": str(lesion.patient_id), "birth_date": ""}
    page.post(reverse("diagnosis-create"), form(**fields, lesion=str(lesion.pk)))

    assert DiagnosisRequest.objects.get().image.lesion == lesion


def test_another_patients_lesion_is_refused(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)

    response = page.post(reverse("diagnosis-create"), form(lesion=str(lesion.pk)))

    assert response.status_code == 400
    assert "none of this patient" in text(response)
    assert stored() == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"medical_record_number": ""}, 400, "This field is required."),
        ({"birth_date": "2190-01-01"}, 400, "The birth date lies in the future."),
        ({"anatom_site": "elbow"}, 400, "Select a valid choice."),
        ({"file": ""}, 400, "Choose the picture."),
        ({"file": picture(b"")}, 400, "The file is empty."),
        ({"file": picture(b"hello")}, 400, "The file is not a picture."),
        ({"file": picture(png_bytes(), "photo.jpg")}, 400, "but its name ends in"),
        ({"file": picture(jpeg_bytes()[:3000])}, 400, "damaged"),
        ({"file": [picture(), picture()]}, 400, "Choose one picture"),
        ({"image_type": "clinical: close-up"}, 400, "Only a dermoscopic image"),
    ],
)
def test_bad_input_is_explained_and_nothing_typed_is_lost(page, fields, status, sentence):
    response = page.post(reverse("diagnosis-create"), form(**fields))

    assert response.status_code == status
    assert sentence in text(response)
    assert text(response).count('class="errors"') == 1
    assert 'value="Quill"' in text(response)
    assert "choose the picture again" in text(response)
    assert stored() == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        (
            {
                "birth_date": "2190-01-01",
                "medical_record_number": "M\u200b-1",
                "anatom_site": "elbow",
            },
            ["The birth date lies in the future.", "cannot be seen", "Select a valid choice."],
        ),
        # the service looks at the number first, and at the picture only of an order
        ({"medical_record_number": "KNOWN"}, ["with another birth date", "not a picture"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once(page, hospital, fields, sentences):
    known = datetime.date(1950, 1, 1)
    PatientFactory(hospital=hospital, medical_record_number="KNOWN", birth_date=known)

    refusal = text(page.post(reverse("diagnosis-create"), form(**fields, file=picture(b"hello"))))

    for sentence in [*sentences, "The file is not a picture."]:
        assert sentence in refusal
    assert stored() == (1, 0, 0, 0)


def test_a_file_over_the_limit_is_refused(page, settings):
    settings.NEVUS_MAX_UPLOAD_BYTES = 1000

    response = page.post(reverse("diagnosis-create"), form())

    assert response.status_code == 413
    assert "The file is larger than" in text(response)
    assert stored() == (0, 0, 0, 0)


def test_without_an_active_model_nothing_is_stored(page):
    asked = reverse("diagnosis-create")
    assert "No model is active" not in text(page.get(asked))
    ModelPolicy.objects.all().delete()
    # before anything is typed
    assert "No model is active at Alpha" in text(page.get(asked))

    response = page.post(asked, form())

    assert response.status_code == 409
    assert "No model is active at this hospital." in text(response)
    assert stored() == (0, 0, 0, 0)


def test_a_refused_form_with_htmx_is_only_the_form(page):
    response = page.post(reverse("diagnosis-create"), form(file=""), headers=FRAGMENT)

    assert "<html" not in text(response)
    assert "Choose the picture." in text(response)


@pytest.mark.parametrize("typed", ["M-7", "m-7"])
def test_the_number_finds_the_patient_and_the_lesions(page, hospital, typed):
    lesion = LesionFactory(
        patient__hospital=hospital, patient__medical_record_number="M-7", label="Mole at the knee"
    )

    response = page.post(
        reverse("diagnosis-patient"), {"medical_record_number": typed}, headers=FRAGMENT
    )

    assert "Known: Ada" in text(response)
    assert "born 1970-05-17" in text(response)
    assert "Mole at the knee" in text(response)
    assert str(lesion.pk) in text(response)
    assert actions() == ["view_patient"]


def test_lesions_to_choose_from_are_told_apart(page, hospital):
    patient = PatientFactory(hospital=hospital, medical_record_number="M-7")
    place = {"anatom_site": "head/neck", "laterality": "left"}
    LesionFactory(patient=patient, **place)
    LesionFactory(patient=patient, **place)
    lesion = LesionFactory(patient=patient, anatom_site=None)
    LesionFactory(patient=patient, label="Mole", **place)
    taken = datetime.datetime(2025, 3, 1, 12, tzinfo=datetime.UTC)
    ImageFactory(lesion=lesion, captured_at=taken)

    shown = text(page.get(reverse("diagnosis-create"), {"patient": patient.pk}))

    assert "1 · Head or neck, left · 0 pictures" in shown
    assert "2 · Head or neck, left · 0 pictures" in shown
    assert "Lesion 3 · 1 picture, 2025-03-01" in shown
    assert "4 · Mole · 0 pictures · Head or neck, left" in shown


def test_an_unknown_number_keeps_what_was_typed(page):
    typed = {"medical_record_number": "M-7", "family_name": "Quill", "birth_date": "1961-04-30"}

    response = page.post(reverse("diagnosis-patient"), typed, headers=FRAGMENT)

    assert "No patient has the number M-7" in text(response)
    assert 'value="Quill"' in text(response)
    assert 'value="1961-04-30"' in text(response)


def test_of_another_unknown_number_only_the_hint_changes(page):
    typed = {"medical_record_number": "M-8", "sex": "female", "birth_date": "1961-04-30"}

    response = page.post(reverse("diagnosis-patient"), typed, headers=FRAGMENT)

    assert response["HX-Reswap"] == "none"
    assert "No patient has the number M-8" in text(response)
    assert "birth_date" not in text(response)


def test_without_scripts_a_tap_on_the_figure_keeps_the_new_diagnosis(page):
    typed = form(**{"anatom_site": "", "laterality": "", "back.x": "48", "back.y": "80"})

    response = page.post(reverse("diagnosis-create"), typed)

    assert stored() == (0, 0, 0, 0)
    again = response.context["form"]
    assert (again["anatom_site"].value(), again["body_view"].value()) == ("posterior torso", "back")
    assert again["medical_record_number"].value() == "M-1"
    values = {name: again[name].value() or "" for name in again.fields if name != "file"}
    page.post(reverse("diagnosis-create"), values | {"file": picture()})
    lesion = Lesion.objects.get()
    assert (lesion.body_view, lesion.anatom_site, lesion.laterality) == (
        "back",
        "posterior torso",
        "left",
    )


def test_a_lesion_or_patient_is_chosen_by_the_address(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)

    for address in (f"?lesion={lesion.pk}", f"?patient={lesion.patient_id}"):
        response = page.get(reverse("diagnosis-create") + address)
        assert f'value="{lesion.patient.medical_record_number}"' in text(response)
    chosen = text(page.get(reverse("diagnosis-create") + f"?lesion={lesion.pk}"))
    assert f'value="{lesion.pk}" selected' in chosen


@pytest.mark.parametrize("address", ["?lesion=nonsense", "?patient={key}", "?lesion={key}"])
def test_what_the_address_names_must_be_visible(page, address):
    key = LesionFactory().pk

    response = page.get(reverse("diagnosis-create") + address.format(key=key))

    assert response.status_code == 404


# The answer ---------------------------------------------------------------------------------------


def test_while_it_waits_the_page_says_how_long_the_queue_is(page, hospital):
    DiagnosisRequestFactory.create_batch(2, image__lesion__patient__hospital=hospital)
    Worker.objects.create(name="w", reads=True, started_at=timezone.now(), seen_at=timezone.now())
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)

    response = page.get(reverse("diagnosis", args=[request.pk]))

    assert "2 pictures are read before this one." in text(response)
    assert 'hx-trigger="every 1s"' in text(response)
    assert "No worker is running" not in text(response)


def test_without_a_worker_the_page_says_so(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)

    assert "No worker is running" in text(page.get(reverse("diagnosis", args=[request.pk])))


def test_the_fragment_is_silent_until_something_changes(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    address = reverse("diagnosis-answer", args=[request.pk])

    assert page.get(address, {"seen": "queued-0-1"}, headers=FRAGMENT).status_code == 204
    changed = page.get(address, {"seen": "queued-4-1"}, headers=FRAGMENT)

    assert "No worker is running" in text(changed)
    assert actions() == []


def test_the_answer_stops_the_polling(page, hospital):
    request = DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital,
        succeeded=True,
        prediction__label="melanoma",
        prediction__probability=0.82,
    )

    response = text(page.get(reverse("diagnosis-answer", args=[request.pk]), headers=FRAGMENT))

    assert "every 1s" not in response
    # the map of where the model looked is asked for now, once
    assert response.count('hx-trigger="load"') == 1
    assert "Melanoma" in response
    assert "82%" in response
    assert "High risk" in response
    assert "Refer urgently" in response
    assert 'data-agree="melanoma"' in response
    assert reverse("model", args=[request.model_version_id]) in response


def test_a_colleagues_draft_is_not_written_over_unseen(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    shown, post = (reverse(name, args=[request.pk]) for name in ("diagnosis", "diagnosis-review"))
    seen = page.get(shown).context["form"]["seen"].value()
    colleague = Client()
    colleague.force_login(doctor(hospital))
    theirs = {"conclusion": "melanoma", "management": "excise", "notes": "Theirs", "seen": seen}
    # sent twice is no conflict
    assert [colleague.post(post, theirs).status_code for _twice in range(2)] == [302, 302]

    mine = {"conclusion": "nevus", "management": "excise", "notes": "Mine", "seen": seen}
    told = page.post(post, mine | {"sign": "1"})

    assert told.status_code == 409
    form = told.context["form"]
    assert sorted(form.errors) == ["__all__", "conclusion", "notes"]
    assert "“Melanoma”" in form.errors["conclusion"][0]
    assert form["notes"].value() == "Mine"
    assert f'name="seen" value="{form["seen"].value()}"' in text(told)
    assert Review.objects.get().notes == "Theirs"
    # who has seen it may sign
    again = mine | {"seen": form["seen"].value(), "sign": "1"}
    assert page.post(post, again).status_code == 302
    review = Review.objects.get()
    assert (review.notes, review.is_signed) == ("Mine", True)


def test_a_draft_that_was_signed_meanwhile_is_told_once(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    post = reverse("diagnosis-review", args=[request.pk])
    draft = ReviewFactory(request=request, conclusion="nevus", management="monitor")
    seen = page.get(reverse("diagnosis", args=[request.pk])).context["form"]["seen"].value()
    save_review(
        actor=doctor(hospital),
        request=request,
        conclusion=draft.conclusion,
        management=draft.management,
        sign=True,
    )
    mine = {"conclusion": "nevus", "management": "none", "seen": seen, "sign": "1"}
    told = page.post(post, mine)
    assert told.status_code == 409
    form = told.context["form"]
    again = {name: form[name].value() for name in ("amends", "seen")}
    assert page.post(post, mine | again).status_code == 302


def test_an_answer_that_is_shown_by_itself_is_noted_like_the_page(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    address = reverse("diagnosis-answer", args=[request.pk])
    stage = page.get(address, headers=FRAGMENT).context["stage"]
    assert page.get(address, {"seen": stage}, headers=FRAGMENT).status_code == 204
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id) == ("view_request", str(request.pk))


def test_the_page_says_that_it_is_no_diagnosis(page, hospital):
    request = DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital,
        image__image_type="clinical: overview",
        succeeded=True,
    )

    response = text(page.get(reverse("diagnosis", args=[request.pk])))

    assert "AI reading, not a diagnosis" in response
    assert "marked as another type" in response
    assert "http-equiv" not in response.split("</head>")[0].replace("htmx-config", "")


@pytest.mark.parametrize("state", ["failed", "rejected", "cancelled"])
def test_what_was_not_read_can_be_ordered_again(page, hospital, state):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, **{state: True})
    response = page.get(reverse("diagnosis", args=[request.pk]))
    assert "The picture is kept." in text(response)

    response = page.post(reverse("diagnosis-order-again", args=[request.pk]))

    again = DiagnosisRequest.objects.exclude(pk=request.pk).get()
    assert response["Location"] == reverse("diagnosis", args=[again.pk])
    assert again.image == request.image


def test_an_order_that_waits_is_cancelled(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)

    page.post(reverse("diagnosis-cancel", args=[request.pk]))

    request.refresh_from_db()
    assert request.status == Status.CANCELLED


def test_an_order_that_is_read_is_not_cancelled(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, running=True)

    response = page.post(reverse("diagnosis-cancel", args=[request.pk]))

    assert response.status_code == 409
    assert "can no longer be cancelled" in text(response)


def test_a_broker_that_is_down_does_not_stop_the_upload(page, django_capture_on_commit_callbacks):
    failing = mock.patch(
        "diagnosis.services.queue.current_app.send_task", side_effect=ConnectionRefusedError
    )
    with failing, django_capture_on_commit_callbacks(execute=True):
        response = page.post(reverse("diagnosis-create"), form())

    assert response.status_code == 302
    assert DiagnosisRequest.objects.get().status == Status.QUEUED


# The review ---------------------------------------------------------------------------------------


@pytest.fixture
def read(hospital):
    return DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)


def review(page: Client, request: DiagnosisRequest, **fields):
    fields = {"conclusion": "nevus", "management": "monitor", "notes": "Kept words."} | fields
    return page.post(reverse("diagnosis-review", args=[request.pk]), fields)


def test_nothing_is_chosen_for_the_doctor(page, read):
    response = text(page.get(reverse("diagnosis", args=[read.pk])))

    assert "checked" not in response
    assert '<option value="" selected>' in response


def test_a_draft_comes_back(page, read):
    review(page, read, save="1")

    response = text(page.get(reverse("diagnosis", args=[read.pk])))

    assert not Review.objects.get().is_signed
    assert '<option value="nevus" selected>' in response
    assert "Kept words." in response
    assert "Signed conclusion" not in response


def test_a_signed_conclusion_is_the_headline(page, read, user):
    assert review(page, read, sign="1").status_code == 302

    response = text(page.get(reverse("diagnosis", args=[read.pk])))

    assert Review.objects.get().signed_by == user
    assert "Signed conclusion" in response
    assert "signed by Ada Signer" in response
    assert "Amend the review" in response


@pytest.mark.parametrize(
    ("conclusion", "management", "asked"),
    [
        ("melanoma", "none", True),
        ("melanoma", "monitor", True),
        ("melanoma", "refer", False),
        ("actinic_keratosis", "none", True),
        ("actinic_keratosis", "monitor", False),
        ("nevus", "none", False),
    ],
)
def test_too_little_for_what_was_concluded_is_asked_about(
    page, read, conclusion, management, asked
):
    fields = {"conclusion": conclusion, "management": management}
    review(page, read, save="1", **fields)  # a draft may say anything
    assert Review.objects.get().conclusion == conclusion

    response = review(page, read, sign="1", **fields)

    assert Review.objects.get().is_signed is not asked
    if asked:
        assert response.status_code == 400
        assert "Press “Sign” once more" in text(response)
        assert f'name="meant" value="{conclusion} {management}"' in text(response)


def test_what_was_asked_about_is_signed_by_a_second_press(page, read):
    fields = {"conclusion": "melanoma", "management": "none", "sign": "1"}
    # another answer than the one that was asked about is asked about in its turn
    assert review(page, read, meant="melanoma monitor", **fields).status_code == 400
    assert review(page, read, meant="melanoma none", **fields).status_code == 302
    assert Review.objects.get().is_signed


def test_an_amendment_takes_the_place_and_the_earlier_stays(page, read):
    day = timezone.localdate() + timedelta(days=90)
    review(page, read, sign="1", recall_on=day.isoformat())
    first = Review.objects.get()

    review(page, read, sign="1", conclusion="melanoma", management="excise", amends=str(first.pk))

    response = text(page.get(reverse("diagnosis", args=[read.pk])))
    assert Review.objects.get(amends=first).conclusion == "melanoma"
    headline, earlier = response.split("Earlier reviews")
    assert '<p class="headline">Melanoma</p>' in headline
    assert "<strong>Nevus</strong>, monitor, recall on" in earlier
    assert "It amends the review by" in headline
    assert ">Sign the amendment</button>" in headline
    assert f"recall on {day}" in earlier


def test_of_two_signatures_the_second_is_told(page, read):
    review(page, read, sign="1")

    response = review(page, read, sign="1", conclusion="dermatofibroma")

    assert response.status_code == 409
    assert "Ada Signer has signed a review: “Nevus”, “Monitor”. Yours would" in text(response)
    assert "Kept words." in text(response)
    assert Review.objects.count() == 1


def test_the_second_who_has_seen_the_first_may_amend_it(page, read):
    review(page, read, sign="1")
    first = Review.objects.get()

    other = {"conclusion": "melanoma", "management": "excise", "sign": "1"}
    told = text(review(page, read, **other))

    assert f'name="amends" value="{first.pk}"' in told
    assert review(page, read, amends=first.pk, **other).status_code == 302
    assert Review.objects.get(amends=first).conclusion == "melanoma"


def test_a_review_sent_after_the_session_ended_becomes_a_draft(read, user):
    browser = Client()
    sent = review(browser, read, sign="1", notes="\nKept words.")
    assert (sent.status_code, Review.objects.count()) == (302, 0)

    answer = {"username": user.username, "password": PASSWORD}
    offered = browser.post(sent["Location"], answer, follow=True)

    assert text(offered).count("<textarea") == 3
    assert 'name="sign"' not in text(offered)
    assert f'action="{reverse("diagnosis-review", args=[read.pk])}"' in text(offered)
    assert ">\n\nKept words.</textarea>" in text(offered)
    # offered once
    assert browser.get(reverse("unsent"))["Location"] == reverse("worklist")


def test_what_was_sent_long_ago_or_by_nobody_is_not_offered(read, user):
    browser = Client()
    review(browser, read, notes="x" * 60_000)
    assert "unsent" not in browser.session
    review(browser, read)
    session = browser.session
    session["unsent"]["at"] -= 3700
    session.save()

    answer = {"username": user.username, "password": PASSWORD}
    page = browser.post(reverse("sign-in"), answer, follow=True)

    assert page.redirect_chain[-1][0] == reverse("worklist")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"conclusion": ""}, "Choose what you conclude."),
        ({"management": ""}, "Choose what is to be done."),
        ({"conclusion": "freckle"}, "Select a valid choice."),
        ({"notes": "x" * 5001}, "at most 5000 characters"),
    ],
)
def test_an_incomplete_review_is_explained(page, read, fields, sentence):
    response = review(page, read, sign="1", **fields)

    assert response.status_code == 400
    assert sentence in text(response)
    assert not Review.objects.exists()


def test_a_review_is_told_of_its_recall_and_its_management_at_once(page, read):
    refusal = text(review(page, read, sign="1", management="", recall_on="2020-01-01"))

    assert "Choose what is to be done." in refusal
    assert "The recall must be after today." in refusal


def test_a_review_before_the_reading_is_kept_in_the_form(page, hospital):
    request = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)

    response = review(page, request, sign="1")

    assert response.status_code == 409
    assert "still being read" in text(response)
    assert "Kept words." in text(response)


def test_only_a_doctor_sees_the_form(hospital, read):
    client = Client()
    client.force_login(administrator(hospital))

    response = text(client.get(reverse("diagnosis", args=[read.pk])))

    assert "data-review" not in response
    assert "Not reviewed yet" in response


# Worklist -----------------------------------------------------------------------------------------


def row_of(hospital, number: str, label: str = "nevus", **fields) -> DiagnosisRequest:
    return DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital,
        image__lesion__patient__medical_record_number=number,
        succeeded=True,
        prediction__label=label,
        prediction__probability=0.9,
        **fields,
    )


def test_the_riskiest_unsigned_reading_is_first(page, hospital):
    row_of(hospital, "harmless")
    ReviewFactory(request=row_of(hospital, "signed", "melanoma"), signed=True)
    ReviewFactory(request=row_of(hospital, "urgent", "melanoma"))
    DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital,
        image__lesion__patient__medical_record_number="waiting",
    )

    response = text(page.get(reverse("worklist")))

    places = [response.index(f">{number}") for number in ("urgent", "harmless", "waiting")]
    assert places == sorted(places)
    assert ">signed" not in response


def test_of_equally_malignant_readings_the_more_severe_and_then_the_older_is_first(page, hospital):
    now = timezone.now()
    for number, label, days in (
        ("bcc-new", "basal_cell_carcinoma", 1),
        ("mel", "melanoma", 0),
        ("bcc-old", "basal_cell_carcinoma", 3),
    ):
        row_of(
            hospital,
            number,
            label,
            prediction__malignancy_probability=0.9,
            created_at=now - datetime.timedelta(days=days),
        )

    response = text(page.get(reverse("worklist")))

    places = [response.index(f">{number}") for number in ("mel", "bcc-old", "bcc-new")]
    assert places == sorted(places)


def test_a_row_says_once_that_its_picture_is_no_lesion_and_why_another_failed(page, hospital):
    whose = {"image__lesion__patient__hospital": hospital}
    DiagnosisRequestFactory(rejected=True, **whose)
    DiagnosisRequestFactory(failed=True, **whose)

    response = text(page.get(reverse("worklist"), {"state": "failed"}))

    assert response.count("Not readable as a lesion") == 1
    assert "does not look like a skin lesion" not in response
    assert "The model failed on this picture." in response


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, {"W-1", "W-3", "W-5"}),
        ({"state": "open"}, {"W-3"}),
        ({"state": "succeeded"}, {"W-1", "W-5"}),
        ({"state": "cancelled"}, {"W-4"}),
        ({"review": "signed"}, {"W-2"}),
        ({"review": "all"}, {"W-1", "W-2", "W-3", "W-5"}),
        ({"label": "melanoma"}, {"W-5"}),
        ({"label": "melanoma", "review": "all"}, {"W-2", "W-5"}),
        ({"risk": "high"}, {"W-5"}),
        ({"risk": "low"}, {"W-1"}),
        ({"overdue": "on"}, {"W-5"}),
        ({"period": "7"}, {"W-1", "W-3"}),
        ({"state": "nonsense", "review": "nonsense", "doctor": "x"}, {"W-1", "W-3", "W-5"}),
    ],
)
def test_the_worklist_is_filtered(page, hospital, filters, numbers):
    row_of(hospital, "W-1")
    ReviewFactory(request=row_of(hospital, "W-2", "melanoma"), signed=True)
    for number, state in (("W-3", {}), ("W-4", {"cancelled": True})):
        DiagnosisRequestFactory(
            image__lesion__patient__hospital=hospital,
            image__lesion__patient__medical_record_number=number,
            **state,
        )
    old = timezone.now() - datetime.timedelta(days=30)
    row_of(hospital, "W-5", "melanoma", created_at=old, finished_at=old)

    response = text(page.get(reverse("worklist"), filters))

    assert {f"W-{i}" for i in range(1, 6) if f"W-{i}" in response} == numbers


def test_the_worklist_shows_what_one_doctor_ordered(page, user, hospital):
    other = doctor(hospital)
    row_of(hospital, "W-1", requested_by=user)
    row_of(hospital, "W-2", requested_by=other)

    response = text(page.get(reverse("worklist"), {"doctor": str(other.pk)}))

    assert "W-2" in response
    assert "W-1" not in response
    stranger = text(page.get(reverse("worklist"), {"doctor": str(doctor(HospitalFactory()).pk)}))
    assert "W-1" in stranger


def test_the_counts_say_what_waits(page, hospital):
    old = timezone.now() - datetime.timedelta(hours=25)
    row_of(hospital, "W-1", "melanoma", finished_at=old)
    row_of(hospital, "W-2", "melanoma")
    row_of(hospital, "W-3")
    ReviewFactory(request=row_of(hospital, "W-4", "melanoma", finished_at=old), signed=True)
    DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, failed=True)
    row_of(HospitalFactory(), "W-5", "melanoma", finished_at=old)

    response = page.get(reverse("worklist"))

    shown = {entry.name: entry.count for entry in response.context["tallies"]}
    assert shown == {
        "To review": "3",
        "High risk": "2",
        "Overdue": "1",
        "Being read": "1",
        "Not answered": "1",
    }
    assert 'role="alert"' in text(response)
    assert "1 high-risk reading</strong> has waited" in text(response)


def test_a_hospital_sets_when_the_alarm_comes(page, hospital):
    row_of(hospital, "W-1", "melanoma", finished_at=timezone.now() - datetime.timedelta(hours=5))
    assert 'role="alert"' not in text(page.get(reverse("worklist")))

    change_settings(actor=administrator(hospital), hospital=hospital, alarm_hours=4)

    assert 'role="alert"' in text(page.get(reverse("worklist")))


def test_counts_end_at_a_thousand(page, hospital, monkeypatch):
    monkeypatch.setattr("diagnosis.services.worklist.MOST_COUNTED", 2)
    monkeypatch.setattr("diagnosis.views.worklist.MOST_COUNTED", 2)
    for number in range(5):
        row_of(hospital, f"W-{number}")

    response = page.get(reverse("worklist"))

    assert response.context["tallies"][0].count == "2+"


def test_the_list_is_asked_for_again_and_is_silent_while_nothing_changes(page, hospital):
    row_of(hospital, "W-1")
    response = page.get(reverse("worklist"))
    assert 'hx-trigger="every 15s"' in text(response)

    seen = {"seen": response.context["seen"]}
    assert page.get(reverse("worklist"), seen, headers=FRAGMENT).status_code == 204
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    changed = page.get(reverse("worklist"), seen, headers=FRAGMENT)

    assert 'hx-trigger="every 3s"' in text(changed)
    assert f'id="row-{row.pk}"' in text(changed)
    assert "<html" not in text(changed)
    # what was not shown anew is not noted anew
    assert actions().count("view_worklist") == 2


def test_pages_of_the_worklist_hold_every_row_once(page, hospital):
    image = ImageFactory(lesion__patient__hospital=hospital)
    for number in range(60):
        DiagnosisRequestFactory(
            image=image, succeeded=True, prediction__malignancy_probability=(number % 7) / 10
        )

    address, found = reverse("worklist"), []
    while address:
        shown = page.get(address).context["page"]
        found += [row.pk for row in shown.rows]
        address = shown.next and f"{reverse('worklist')}?cursor={shown.next}"

    assert (len(found), len(set(found))) == (60, 60)
    assert page.get(reverse("worklist"), {"cursor": "nonsense"}).status_code == 200


def test_a_worklist_of_two_hospitals_is_noted_at_both(page, user, hospital):
    other = MembershipFactory(user=user, hospital=HospitalFactory(name="Beta")).hospital

    assert 'name="hospital"' in text(page.get(reverse("worklist")))

    noted = AuditEvent.objects.filter(action="view_worklist").values_list("hospital", flat=True)
    assert set(noted) == {hospital.pk, other.pk}


# Report -------------------------------------------------------------------------------------------


def test_the_report_holds_what_a_report_needs(page, hospital):
    request = row_of(hospital, "R-1", "melanoma")
    ReviewFactory(request=request, signed=True, conclusion="dermatofibroma")

    response = text(page.get(reverse("hospital-report")))

    for part in (
        reverse("image-thumbnail", args=[request.image_id]),
        request.image.lesion.title,
        str(request.image.lesion_id),
        "Alpha",
        "Melanoma",
        "90%",
        "Dermatofibroma",
    ):
        assert part in response
    assert actions() == ["view_hospital_report"]


def test_a_reversed_period_is_explained(page, hospital):
    row_of(hospital, "R-1")

    response = page.get(reverse("hospital-report"), {"from": "2026-02-01", "to": "2026-01-01"})

    assert response.status_code == 400
    assert "The period ends before it begins." in text(response)
    assert 'value="2026-02-01"' in text(response)
    # neither figures nor files of something else than was asked for
    assert "Nothing is shown, because of the filter" in text(response)
    for other in ("Reviewed and signed", "2026-02-01 to", "hospital.csv", "There is none yet"):
        assert other not in text(response)
    exported = page.get(reverse("hospital-report-csv"), {"from": "2026-02-01", "to": "2026-01-01"})
    assert exported.status_code == 400


def test_the_export_is_the_report_for_a_spreadsheet(page, hospital):
    row_of(hospital, "R-1", "melanoma")
    row_of(hospital, "=1+1")

    response = page.get(reverse("hospital-report-csv"))
    content = b"".join(response.streaming_content).decode("utf-8")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert content.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))
    assert {row["Medical record number"] for row in rows} == {"R-1", "'=1+1"}
    assert {row["AI: most likely class"] for row in rows} == {"Melanoma", "Nevus"}
    assert actions() == ["export_hospital_report"]


def test_the_export_keeps_the_filters(page, hospital):
    row_of(hospital, "R-1", "melanoma")
    row_of(hospital, "R-2")

    report = page.get(reverse("hospital-report"), {"label": "melanoma"})
    assert "hospital.csv?label=melanoma" in text(report)
    response = page.get(reverse("hospital-report-csv"), {"label": "melanoma"})

    content = b"".join(response.streaming_content).decode()
    assert "R-1" in content
    assert "R-2" not in content


# Models -------------------------------------------------------------------------------------------


def test_a_model_page_shows_figures_and_where_it_reads(page, hospital):
    model = ModelPolicy.objects.get(hospital=hospital).model_version
    ModelPolicyFactory(hospital=HospitalFactory(name="Elsewhere"), model_version=model)

    response = text(page.get(reverse("model", args=[model.pk])))

    assert "Balanced accuracy" in response
    assert "0.700" in response
    assert "Alpha" in response
    assert "Elsewhere" not in response


def test_subgroups_by_age_begin_with_the_young(page):
    model = ModelVersionFactory()
    group = {"images": 5, "accuracy": {"value": 0.5}}
    ages = ("40 to 59", "60 and over", "under 40")
    model.manifest = model.manifest | {"subgroups": {"age": dict.fromkeys(ages, group)}}
    model.save()
    response = text(page.get(reverse("model", args=[model.pk])))
    assert response.index("Under 40") < response.index("40 to 59") < response.index("60 and over")


def test_a_model_page_shows_what_another_camera_leaves(page):
    model = ModelVersionFactory()
    figures = {"balanced_accuracy": {"value": 0.53}, "same_answer": {"value": 0.81}}
    change = {"name": "greener", "says": "green 6% stronger", "figures": figures}
    model.manifest = model.manifest | {"changes": [change]}
    model.save()
    response = text(page.get(reverse("model", args=[model.pk])))
    shown = response[response.index("Seen by another camera") :]
    assert shown.index("As they are") < shown.index("0.70") < shown.index("Greener")
    assert shown.index("Greener") < shown.index("0.53") < shown.index("0.81")
    assert "Likeliest class stays the same" in shown


@pytest.mark.parametrize(
    "broken",
    [
        {"metrics": {}},
        {"metrics": {"overall": 3}},
        {"subgroups": {"sex": [1]}},
        {"data": {}},
        {"changes": {"greener": 1}},
        {"changes": [1, {"name": 2}, {"figures": {"accuracy": 1}}]},
    ],
)
def test_a_model_page_forgives_a_thin_manifest(page, broken):
    model = ModelVersionFactory()
    model.manifest = model.manifest | broken
    model.save()

    assert page.get(reverse("model", args=[model.pk])).status_code == 200
    assert page.get(reverse("models")).status_code == 200


def test_an_administrator_activates_a_model(hospital):
    client = Client()
    client.force_login(administrator(hospital))
    model = ModelVersionFactory()
    assert "Activate for Alpha" in text(client.get(reverse("model", args=[model.pk])))

    client.post(reverse("model-activate", args=[model.pk]), {"hospital": str(hospital.pk)})

    assert ModelPolicy.objects.get(hospital=hospital).model_version == model
    shown = text(client.get(reverse("model", args=[model.pk])))
    assert f"{model} reads for Alpha from now on." in shown
    assert "Activate for" not in shown


def test_a_model_that_another_tab_activated_reads_already(hospital):
    client = Client()
    client.force_login(administrator(hospital))
    model = ModelPolicy.objects.get(hospital=hospital).model_version

    address = reverse("model-activate", args=[model.pk])
    response = client.post(address, {"hospital": str(hospital.pk)}, follow=True)

    assert f"{model} reads for Alpha already. Nothing was changed." in text(response)
    assert "from now on" not in text(response)
    assert not AuditEvent.objects.filter(action="activate_model").exists()


# Queries ------------------------------------------------------------------------------------------


def test_a_lesion_without_name_and_place_has_its_number_on_every_page(page, hospital):
    LesionFactory(patient__hospital=hospital, patient__medical_record_number="M-7")
    patient = Patient.objects.get(medical_record_number="M-7")
    lesion = LesionFactory(patient=patient, anatom_site=None)
    row = DiagnosisRequestFactory(image__lesion=lesion, succeeded=True)
    keys = {"lesion": lesion.pk, "histopathology-create": lesion.pk, "diagnosis": row.pk}

    assert "Lesion 2" in text(page.get(reverse("worklist")))
    for name, key in keys.items():
        assert "Lesion 2" in text(page.get(reverse(name, args=[key]))), name
    assert "2 · Lesion 2" not in text(page.get(reverse("patient", args=[patient.pk])))

    recall = timezone.localdate() + timedelta(days=9)
    ReviewFactory(request=row, signed=True, recall_on=recall)
    assert "Lesion 2" in text(page.get(reverse("recalls")))


@pytest.mark.parametrize(
    "name",
    ["lesion", "lesion-edit", "lesion-entered-in-error", "histopathology-create"],
)
def test_what_is_done_to_a_lesion_names_its_patient(page, hospital, name):
    facts = {"medical_record_number": "M-7", "family_name": "Quill", "given_name": "Ada"}
    lesion = LesionFactory(patient=PatientFactory(hospital=hospital, **facts))

    found = text(page.get(reverse(name, args=[lesion.pk])))

    header = found[found.index("<h1>") : found.index('<div class="actions">')]
    assert "Ada Quill" in header
    assert "M-7" in header
    assert "Anterior torso" in header
    # and on every sheet of paper
    assert "M-7" in found[found.index('class="paper-foot"') :]


@pytest.mark.parametrize("name", ["worklist", "recalls"])
def test_lists_of_nameless_lesions_take_a_constant_number_of_queries(page, hospital, name):
    def nameless(number: int) -> None:
        lesion = LesionFactory(patient__hospital=hospital, anatom_site=None)
        row = DiagnosisRequestFactory(image__lesion=lesion, succeeded=True)
        if name == "recalls":
            recall = timezone.localdate() + timedelta(days=number)
            ReviewFactory(request=row, signed=True, recall_on=recall)

    nameless(1)
    one = queries(page, reverse(name))
    for number in range(2, 9):
        nameless(number)

    assert queries(page, reverse(name)) == one


@pytest.mark.parametrize("name", ["worklist", "hospital-report"])
def test_lists_take_a_constant_number_of_queries(page, hospital, name):
    ReviewFactory(request=row_of(hospital, "Q-0"), signed=True)
    one = queries(page, reverse(name))
    for number in range(1, 20):
        ReviewFactory(request=row_of(hospital, f"Q-{number}"), signed=True)

    assert queries(page, reverse(name)) == one


def test_records_take_a_constant_number_of_queries(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)
    addresses = [
        reverse("patient", args=[lesion.patient_id]),
        reverse("lesion", args=[lesion.pk]),
        reverse("diagnosis-create") + f"?lesion={lesion.pk}",
    ]
    request = DiagnosisRequestFactory(image__lesion=lesion, succeeded=True)
    ReviewFactory(request=request, signed=True)
    HeatMapFactory(request=request, drawn=True)
    addresses.append(reverse("diagnosis", args=[request.pk]))
    few = [queries(page, address) for address in addresses]

    for image in ImageFactory.create_batch(10, lesion=lesion):
        ReviewFactory(request=DiagnosisRequestFactory(image=image, succeeded=True), signed=True)
    for other in LesionFactory.create_batch(10, patient=lesion.patient):
        DiagnosisRequestFactory(image__lesion=other, succeeded=True)

    assert [queries(page, address) for address in addresses] == few


# The patient's page -------------------------------------------------------------------------------


def test_a_placed_lesion_without_a_picture_is_on_the_body_map(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital, body_view="front", body_x=0.25, body_y=0.5)

    found = text(page.get(reverse("patient", args=[lesion.patient_id])))

    assert 'class="dot unread"' in found


def test_the_body_map_shows_each_placed_lesion_by_its_risk(page, hospital):
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    lesion = row.image.lesion
    Lesion.objects.filter(pk=lesion.pk).update(body_view="back", body_x=0.25, body_y=0.5)
    LesionFactory(patient=lesion.patient)  # nowhere on the figure

    found = text(page.get(reverse("patient", args=[lesion.patient_id])))

    assert found.count('class="dot ') == 1
    assert "translate(40.0 200.0)" in found
    risk = interpretation.interpret(
        row.prediction.probabilities,
        row.prediction.malignancy_probability,
        row.model_version.thresholds,
    ).risk
    assert f'class="dot {risk}"' in found


def test_the_timeline_tells_pictures_and_signed_conclusions_newest_first(page, hospital):
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    ReviewFactory(request=row, signed=True)
    ReviewFactory(request__image__lesion__patient=row.image.lesion.patient)  # a draft

    response = page.get(reverse("patient", args=[row.image.lesion.patient_id]))

    moments = response.context["moments"]
    assert [m.review is not None for m in moments].count(True) == 1
    assert [m.time for m in moments] == sorted((m.time for m in moments), reverse=True)


def test_the_patients_page_takes_as_many_queries_for_one_lesion_as_for_many(page, hospital):
    def patient_with(lesions: int) -> str:
        patient = PatientFactory(hospital=hospital)
        for _ in range(lesions):
            row = DiagnosisRequestFactory(image__lesion__patient=patient, succeeded=True)
            ReviewFactory(request=row, signed=True)
        return reverse("patient", args=[patient.pk])

    assert queries(page, patient_with(1)) == queries(page, patient_with(5))


def test_pictures_stand_by_the_day_on_which_they_were_taken(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)
    new = DiagnosisRequestFactory(image__lesion=lesion, succeeded=True)
    day = datetime.datetime(2025, 3, 1, 12, tzinfo=datetime.UTC)
    old = DiagnosisRequestFactory(image__lesion=lesion, image__captured_at=day, succeeded=True)

    response = page.get(reverse("lesion", args=[lesion.pk]))
    assert [picture.image for picture in response.context["page"]] == [new.image, old.image]
    assert "<h3><time datetime" in text(response)
    assert "2025-03-01 12:00</time></h3>" in text(response)
    # what was taken last is read last, whenever it was sent
    assert response.context["card"].request == new

    response = page.get(reverse("patient", args=[lesion.patient_id]))
    assert [moment.picture.image for moment in response.context["moments"]] == [
        new.image,
        old.image,
    ]
    assert f"2 pictures, {timezone.localdate(new.image.created_at)}" in text(response)
    assert '<time datetime="2025-03-01">' in text(response)

    assert ">2025-03-01</span></a>" in text(page.get(reverse("diagnosis", args=[new.pk])))


# Pictures of a lesion compared --------------------------------------------------------------------


def compared(response) -> list:
    return [picture.image for picture in response.context["compared"]]


def test_the_two_pictures_taken_last_stand_side_by_side(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)
    address = reverse("lesion", args=[lesion.pk])
    first = ImageFactory(lesion=lesion)
    assert compared(page.get(address)) == []
    second, third = ImageFactory(lesion=lesion), ImageFactory(lesion=lesion)

    assert compared(page.get(address)) == [second, third]
    # a picture that came late but was taken long ago
    fourth = ImageFactory(lesion=lesion, captured_at=first.created_at - timedelta(days=400))
    assert compared(page.get(address)) == [second, third]
    chosen = {"earlier": str(fourth.pk), "later": str(first.pk)}
    assert compared(page.get(address, chosen)) == [fourth, first]


def test_another_lesions_picture_cannot_be_compared(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)
    pictures = [ImageFactory(lesion=lesion), ImageFactory(lesion=lesion)]
    address = reverse("lesion", args=[lesion.pk])

    for foreign in (str(ImageFactory().pk), "no identifier"):
        assert compared(page.get(address, {"earlier": foreign})) == pictures


def test_the_change_in_size_is_told_where_both_pictures_were_measured(page, hospital):
    lesion = LesionFactory(patient__hospital=hospital)
    earlier, later = ImageFactory(lesion=lesion), ImageFactory(lesion=lesion)
    Image.objects.filter(pk=earlier.pk).update(captured_at=later.created_at - timedelta(days=90))
    address = reverse("lesion", args=[lesion.pk])
    assert "Note the size on both pictures" in text(page.get(address))

    def measure(image, size):
        return page.post(reverse("image-size", args=[image.pk]), {"diameter_mm": size}, follow=True)

    assert "4 mm" in text(measure(earlier, "4"))
    shown = text(measure(later, "5.5"))
    day = f"{later.created_at - timedelta(days=90):%Y-%m-%d}"
    assert f"<strong>1.5 mm larger</strong> (38%) than on {day}" in " ".join(shown.split())
    assert "<strong>0.75 mm smaller</strong>" in text(measure(later, "3.25"))
    assert AuditEvent.objects.filter(action="measure_image", object_id=later.pk).count() == 2
    # nothing of a size that cannot be is kept
    for wrong in ("-1", "0", "large", "4.123", "1e9"):
        assert "The size is kept." not in text(measure(later, wrong)), wrong
        assert str(Image.objects.get(pk=later.pk).diameter_mm) == "3.25"
    assert "Note the size on both pictures" in text(measure(later, ""))


def test_only_who_may_record_there_notes_a_size(page, hospital):
    foreign = ImageFactory()
    address = reverse("image-size", args=[foreign.pk])
    assert page.post(address, {"diameter_mm": "4"}).status_code == 404
    own = ImageFactory(lesion__patient__hospital=hospital)
    reader = Client()
    reader.force_login(administrator(hospital))
    refused = reader.post(reverse("image-size", args=[own.pk]), {"diameter_mm": "4"})
    assert refused.status_code == 403
    assert Image.objects.filter(diameter_mm__isnull=False).count() == 0


# What no browser of ours sends --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["diagnosis-patient", "diagnosis-create", "batch-patient", "batch-create"]
)
def test_a_number_that_no_database_can_hold_is_nobody_s(page, name):
    shown = page.post(reverse(name), form(medical_record_number="M\0"))
    assert shown.status_code == (200 if name.endswith("patient") else 400)
    assert stored() == (0, 0, 0, 0)


def test_a_tap_beyond_all_numbers_is_none(page):
    shown = page.post(reverse("diagnosis-create"), {"front.x": "9" * 400, "front.y": "1"})
    assert shown.status_code == 400


# Entered in error ---------------------------------------------------------------------------------


def test_nobody_nameless_is_recorded_where_a_known_patient_was_marked_meanwhile(
    page, user, hospital
):
    """The number is free again, and the form of a known patient asks for no name."""
    known = PatientFactory(hospital=hospital, medical_record_number="M-1")
    mark_entered_in_error(actor=user, record=known, reason="duplicate")
    sent = {"medical_record_number": "m-1", "lesion": "", "image_type": "dermoscopic"}

    refused = page.post(reverse("diagnosis-create"), sent | {"file": picture()})
    assert refused.status_code == 409
    assert "Nothing can be added to it." in text(refused)
    assert stored() == (1, 0, 0, 0)
    # what was typed for a new patient is one
    assert page.post(reverse("diagnosis-create"), form()).status_code == 302


@pytest.mark.parametrize("name", ["diagnosis-create", "batch-create"])
def test_nothing_is_begun_of_what_was_marked(page, user, hospital, name):
    lesion = LesionFactory(patient__hospital=hospital)
    mark_entered_in_error(actor=user, record=lesion.patient, reason="test")
    for query in ({"lesion": lesion.pk}, {"patient": lesion.patient_id}):
        assert page.get(reverse(name), query).status_code == 409


# Where the recorded lesions are -------------------------------------------------------------------


def test_a_new_diagnosis_shows_where_the_recorded_lesions_are(page, hospital):
    patient = PatientFactory(hospital=hospital, medical_record_number="MAP-1")
    place = {"body_view": "front", "body_x": 0.5, "body_y": 0.3}
    LesionFactory(patient=patient, **place)
    LesionFactory(patient=patient)
    said = "1 recorded lesion of this patient is shown on the figure."
    create = reverse("diagnosis-create")

    html = page.get(f"{create}?patient={patient.pk}").content.decode()
    assert said in html
    assert 'id="standing-front"' in html
    assert "hx-swap-oob" not in html

    assert said not in page.get(create).content.decode()
    known = page.post(
        reverse("diagnosis-patient"), {"medical_record_number": "MAP-1"}, headers=FRAGMENT
    ).content.decode()
    assert said in known
    assert all(f'id="standing-{view}" hx-swap-oob="true"' in known for view in ("front", "back"))
    # another number: they are those of somebody else
    new = page.post(
        reverse("diagnosis-patient"), {"medical_record_number": "MAP-2"}, headers=FRAGMENT
    ).content.decode()
    assert said not in new
    assert all(f'id="standing-{view}" hx-swap-oob="true"' in new for view in ("front", "back"))


def test_the_fields_of_a_batch_have_no_figure_to_draw_on(page, hospital):
    PatientFactory(hospital=hospital, medical_record_number="MAP-1")
    found = page.post(
        reverse("batch-patient"), {"medical_record_number": "MAP-1"}, headers=FRAGMENT
    ).content.decode()
    assert "standing-" not in found
