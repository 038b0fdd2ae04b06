"""The printable report of one patient, as a page's PDF and through the API."""

import datetime
import resource
import time
import uuid

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from reportlab.platypus import Image as Drawn
from reportlab.platypus import Paragraph

from clinic.models import AuditEvent, Image
from clinic.services.entered_in_error import mark_entered_in_error
from clinic.vocabulary import AnatomSite
from diagnosis.documents import patient as document
from diagnosis.documents import pdf
from diagnosis.services.patient_records import report_cards
from tests.api_client import API, assert_problem, client
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    HospitalSettingsFactory,
    ImageFactory,
    LesionFactory,
    ModelVersionFactory,
    PatientFactory,
    ReviewFactory,
    doctor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient():
    return PatientFactory(hospital=HospitalFactory(name="Alpha"), medical_record_number="M-1")


@pytest.fixture
def user(patient):
    return doctor(patient.hospital, first_name="Ada", last_name="Signer")


@pytest.fixture
def page(user):
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def lesion(patient):
    """Read, signed and then amended, and found by a pathologist."""
    found = LesionFactory(patient=patient, anatom_site="head/neck", laterality="left", notes="Red.")
    row = DiagnosisRequestFactory(image__lesion=found, succeeded=True, prediction__label="melanoma")
    signer = doctor(patient.hospital, first_name="Sig", last_name="Natory")
    facts = {"request": row, "signed": True, "author": signer}
    first = ReviewFactory(**facts, conclusion="nevus", management="monitor")
    ReviewFactory(
        **facts,
        amends=first,
        conclusion="melanoma",
        management="excise",
        recall_on=datetime.date(2027, 1, 31),
    )
    HistopathologyFactory(lesion=found, diagnosis="basal_cell_carcinoma", confirmed_by="Dr Path")
    return found


def address(patient) -> str:
    return reverse("patient-report-pdf", args=[patient.pk])


def words_of(user, patient, monkeypatch) -> str:
    """All that the document says, in its order."""
    said: list[str] = []
    paragraph = pdf.text
    with monkeypatch.context() as patched:
        patched.setattr(
            pdf,
            "text",
            lambda content, *look: said.append(str(content)) or paragraph(content, *look),
        )
        document.patient_pdf(patient, report_cards(user, patient), author=user.display_name)
    return "\n".join(said)


def test_the_three_opinions_stand_apart_with_names_and_dates(user, patient, lesion, monkeypatch):
    words = words_of(user, patient, monkeypatch)

    assert words.index("Alpha") < words.index("AI reading, not a diagnosis")
    assert "Medical record number M-1; born 1970-05-17" in words
    ai = words.index("Melanoma 70%")
    signed = words.index("Melanoma, excise")
    found = words.rindex("Basal cell carcinoma")
    assert ai < signed < found
    today = datetime.datetime.now(tz=datetime.UTC).astimezone().date().isoformat()
    assert f"signed by Sig Natory, {today}" in words
    assert f"before: Nevus, monitor, signed by Sig Natory, {today}" in words
    assert "Recall on 2027-01-31" in words
    assert "Dr Path, 2026-05-04" in words
    assert "nothing is final until a named doctor has signed" in words


def test_each_conclusion_stands_beside_its_picture_with_its_own_note(user, patient, monkeypatch):
    lesion = LesionFactory(patient=patient)
    times = [datetime.datetime(2026, 5, 4, hour, tzinfo=datetime.UTC) for hour in (8, 9, 10)]
    silent, called, newest = (
        DiagnosisRequestFactory(image__lesion=lesion, image__captured_at=time, succeeded=True)
        for time in times
    )
    for row, conclusion, management, notes in (
        (silent, "dermatofibroma", "none", "Firm."),
        (newest, "nevus", "monitor", "Symmetric."),
        (called, "melanoma", "excise", "Blue veil."),
    ):
        facts = {"conclusion": conclusion, "management": management, "notes": notes}
        ReviewFactory(request=row, signed=True, author=user, **facts)

    words = words_of(user, patient, monkeypatch)

    taken = [timezone.localtime(time).strftime("%Y-%m-%d %H:%M") for time in times]
    # the one that counts first, and the newest picture with its own
    rows = (
        f"\n{taken[1]}\n",
        "\nMelanoma, excise\n",
        "Signed last: it holds until another is signed.",
        f"of the picture of {taken[0]}: Dermatofibroma, no action, signed by Ada Signer",
        f"\n{taken[2]}, the newest picture\n",
        "\nNevus, monitor\n",
        "\nDoctor's notes: Melanoma, excise, signed by Ada Signer",
        "\nBlue veil.\n",
        "\nDoctor's notes: Nevus, monitor",
        "\nSymmetric.\n",
        "\nDoctor's notes: Dermatofibroma, no action",
        "\nFirm.",
    )
    places = [words.index(row) for row in rows]
    assert places == sorted(places)
    assert "\nbefore: " not in words


def test_a_note_that_was_amended_says_so(user, patient, monkeypatch):
    row = DiagnosisRequestFactory(image__lesion__patient=patient, succeeded=True)
    facts = {"request": row, "signed": True, "author": user, "conclusion": "nevus"}
    first = ReviewFactory(**facts, management="monitor", notes="Symmetric.")
    ReviewFactory(**facts, management="excise", amends=first, notes="Grown.")

    words = words_of(user, patient, monkeypatch)

    assert "\nbefore: Nevus, monitor, signed by Ada Signer" in words
    now = words.index("\nDoctor's notes: Nevus, excise, signed by")
    before = words.index("\nDoctor's notes, amended since: Nevus, monitor, signed by")
    assert now < words.index("\nGrown.\n") < before < words.index("\nSymmetric.")


def test_a_finding_that_was_replaced_keeps_its_note(user, patient, monkeypatch):
    lesion = LesionFactory(patient=patient)
    HistopathologyFactory(lesion=lesion, diagnosis="melanoma", notes="Breslow 0.6 mm")
    HistopathologyFactory(lesion=lesion, diagnosis="nevus", notes="Seen again: no melanoma.")

    words = words_of(user, patient, monkeypatch).splitlines()

    assert words[words.index("Pathologist's notes") + 1] == "Seen again: no melanoma."
    (before,) = [line for line in words if line.startswith("Pathologist's notes, replaced since")]
    assert "Melanoma" in before
    assert words[words.index(before) + 1] == "Breslow 0.6 mm"


def test_a_newest_picture_without_a_signature_is_not_said_to_be_signed(user, patient, monkeypatch):
    lesion = LesionFactory(patient=patient)
    days = [datetime.datetime(2026, 5, day, 12, tzinfo=datetime.UTC) for day in (4, 6)]
    old, _new = (
        DiagnosisRequestFactory(image__lesion=lesion, image__captured_at=day, succeeded=True)
        for day in days
    )
    ReviewFactory(request=old, signed=True, conclusion="melanoma", management="excise")

    words = words_of(user, patient, monkeypatch)

    # of different days the day is enough
    assert words.index("\n2026-05-04\n") < words.index("\nMelanoma, excise\n")
    newest = words.index("\n2026-05-06, the newest picture\n")
    assert words.index("\nMelanoma, excise\n") < newest < words.index("\nNot signed yet.")


def test_lesions_without_a_site_have_no_heading_where_there_are_no_others(
    user, patient, monkeypatch
):
    LesionFactory(patient=patient, anatom_site=None)
    assert "Other lesions" not in words_of(user, patient, monkeypatch)
    LesionFactory(patient=patient, anatom_site="head/neck")
    assert "Other lesions" in words_of(user, patient, monkeypatch)


def test_a_lesion_has_the_name_that_pages_give_it(user, patient, monkeypatch):
    patient.birth_date = datetime.date.today() - datetime.timedelta(days=400)
    patient.save()
    facts = {"anatom_site": "upper extremity", "laterality": "left", "diameter_mm": "4.50"}
    labelled = LesionFactory(patient=patient, label="Mole", **facts)
    LesionFactory(patient=patient, anatom_site=None, diameter_mm="40.00")

    words = words_of(user, patient, monkeypatch)

    assert f"\n{labelled.title}\nUpper extremity, left\nDiameter 4.5 mm\n" in words
    assert f"\n{labelled.title}\n0\n" in words
    assert "\nLesion 2\nDiameter 40 mm\n" in words
    assert ", 1 year; " in words
    with translation.override("es"):
        assert "Diámetro: 4,5 mm" in words_of(user, patient, monkeypatch)


def test_the_hospitals_own_words_stand_in_it(user, patient, monkeypatch):
    own = HospitalSettingsFactory(
        hospital=patient.hospital,
        monitor_from=0.01,
        dermatologist_from=0.02,
        urgent_from=0.03,
        words_urgent="Call room 7.",
    )
    DiagnosisRequestFactory(image__lesion__patient=patient, succeeded=True, settings=own)
    assert "Call room 7." in words_of(user, patient, monkeypatch)


def test_lesions_stand_by_body_site_and_those_without_one_last(user, patient):
    for site in (None, "palms/soles", "head/neck", "anterior torso"):
        LesionFactory(patient=patient, anatom_site=site)
    cards = report_cards(user, patient)
    sites = [card.lesion.anatom_site for card in cards]
    assert sites == ["head/neck", "anterior torso", "palms/soles", None]
    # numbered as they were recorded, as on the patient's page
    assert [card.number for card in cards] == [3, 4, 2, 1]


def test_the_page_hands_out_a_pdf_and_notes_it(page, user, patient, lesion):
    response = page.get(address(patient))

    assert response.status_code == 200
    assert response.content.startswith(b"%PDF-")
    assert patient.family_name not in response["Content-Disposition"]
    event = AuditEvent.objects.get(action="export_patient_report")
    assert (event.actor, event.object_id) == (user, str(patient.pk))
    assert event.details == {"format": "pdf"}
    assert address(patient) in page.get(reverse("patient", args=[patient.pk])).content.decode()


@pytest.mark.parametrize("of", ["nobody", "elsewhere"])
def test_a_patient_that_one_may_not_see_does_not_exist(page, user, of):
    pk = uuid.uuid4() if of == "nobody" else PatientFactory().pk
    assert page.get(reverse("patient-report-pdf", args=[pk])).status_code == 404
    assert_problem(client(user).get(f"{API}/reports/patient/{pk}/"), 404, "not_found")
    assert not AuditEvent.objects.filter(action="export_patient_report").exists()


def test_what_is_not_there_is_said(user, patient, monkeypatch):
    assert "No lesion of this patient is recorded." in words_of(user, patient, monkeypatch)
    LesionFactory(patient=patient)
    words = words_of(user, patient, monkeypatch)
    for sentence in (
        "No picture yet.",
        "No reading yet.",
        "Not signed yet.",
        "No finding recorded.",
    ):
        assert sentence in words


def test_what_stands_against_a_reading_is_printed_beside_it(user, patient, monkeypatch):
    DiagnosisRequestFactory(
        image__lesion__patient=patient,
        image__image_type="clinical: overview",
        succeeded=True,
        prediction__label="nevus",
        prediction__probability=0.3,
    )
    words = words_of(user, patient, monkeypatch)
    assert "Read with care: The model reads dermoscopic images" in words
    assert "Uncertain: could be Nevus, " in words


def test_a_picture_that_was_refused_does_not_seem_to_wait(user, patient, monkeypatch):
    DiagnosisRequestFactory(image__lesion__patient=patient, rejected=True)
    words = words_of(user, patient, monkeypatch)
    assert "Not readable as a lesion" in words
    assert "does not look like a skin lesion" in words
    assert "No reading yet." not in words


def test_a_picture_that_is_lost_does_not_stop_the_report(user, patient, lesion, monkeypatch):
    default_storage.delete(str(Image.objects.get().thumbnail))
    assert "The picture is missing from the storage." in words_of(user, patient, monkeypatch)


def drawn_by_page(monkeypatch) -> dict[int, list[str]]:
    """What stands on each page, once the document is made."""
    found: dict[int, list[str]] = {}
    draw = Paragraph.draw

    def noted(part: Paragraph) -> None:
        found.setdefault(part.canv.getPageNumber(), []).append(part.getPlainText())
        draw(part)

    monkeypatch.setattr(Paragraph, "draw", noted)
    return found


def test_body_sites_follow_one_another_on_a_page(user, patient, monkeypatch):
    for site in AnatomSite.values:
        lesion = LesionFactory(patient=patient, anatom_site=site)
        image = ImageFactory(lesion=lesion)
        DiagnosisRequestFactory(image=image, succeeded=True)
    drawn = drawn_by_page(monkeypatch)

    document.patient_pdf(patient, report_cards(user, patient), author="Ada")

    sites = {str(AnatomSite(site).label) for site in AnatomSite.values}
    # the overview and what has room beside it, four to a page, and the rest
    assert [len(sites & set(said)) for said in drawn.values()][1] == 4
    # none stands at the foot of a page, away from its first lesion
    assert [page[-1] for page in drawn.values() if page[-1] in sites] == []


def test_a_lesion_stays_in_one_piece_with_its_notes(user, patient, monkeypatch):
    for number in range(6):
        notes = "line\n" * number * 4
        lesion = LesionFactory(
            patient=patient, anatom_site="head/neck", label=f"Mole {number}", notes=notes
        )
        ReviewFactory(
            request=DiagnosisRequestFactory(image__lesion=lesion, succeeded=True),
            signed=True,
            notes=f"last of {number}",
        )
    drawn = drawn_by_page(monkeypatch)

    document.patient_pdf(patient, report_cards(user, patient), author="Ada")

    for number in range(6):
        # the first time in the overview
        *_, title = [page for page, said in drawn.items() if f"Mole {number}" in "\n".join(said)]
        (end,) = [page for page, said in drawn.items() if f"last of {number}" in said]
        assert title == end


def test_a_sign_that_the_font_lacks_is_seen_to_be_missing(user, patient, monkeypatch):
    patient.given_name, patient.family_name = "Zoë", "山田"
    assert pdf.printable(patient.name) == "Zoë ??"
    assert "lacks signs of this name" in words_of(user, patient, monkeypatch)


def test_long_names_and_notes_fit(user, patient):
    long = "Maximilian" * 10
    patient.given_name = patient.family_name = long
    patient.medical_record_number = "1" * 64
    lesion = LesionFactory(patient=patient, label=long, notes="word " * 1000)
    row = DiagnosisRequestFactory(image__lesion=lesion, succeeded=True)
    ReviewFactory(request=row, signed=True, notes="x" * 5000)
    HistopathologyFactory(lesion=lesion, notes="line\n" * 900, confirmed_by="y" * 200)
    content = document.patient_pdf(patient, report_cards(user, patient), author=long * 3)
    assert content.count(b"/Type /Page\n") > 3


def test_five_hundred_pictures_take_no_more_queries_and_little_time(user, patient, monkeypatch):
    model = ModelVersionFactory()
    first = ImageFactory(lesion__patient=patient, uploaded_by=user)
    one = queries(user, patient)
    Image.objects.bulk_create(copies(first, 60))
    rows = Image.objects.filter(lesion__patient=patient)
    for image in rows[:20]:
        DiagnosisRequestFactory(image=image, model_version=model, requested_by=user, succeeded=True)
    drawn: list[Drawn] = []
    picture = pdf.picture
    monkeypatch.setattr(pdf, "picture", lambda *facts: drawn.append(picture(*facts)) or drawn[-1])
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()

    assert queries(user, patient) <= one + 5  # readings, their models, reviews and their people

    assert rows.count() == 501
    assert len(drawn) <= document.MOST_PICTURES
    assert time.monotonic() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 150_000  # KB


def copies(image: Image, lesions: int) -> list[Image]:
    """500 images over so many new lesions, all with the files of that one."""
    patient = image.lesion.patient
    found = [LesionFactory(patient=patient, anatom_site="head/neck") for _ in range(lesions)]
    names = ("image_type", "file", "thumbnail", "media_type", "byte_size", "width", "height")
    facts = {name: getattr(image, name) for name in (*names, "quality", "hospital", "uploaded_by")}
    return [Image(lesion=found[n % lesions], sha256=f"{n:064x}", **facts) for n in range(500)]


def queries(user, patient) -> int:
    with CaptureQueriesContext(connection) as captured:
        document.patient_pdf(patient, report_cards(user, patient), author="Somebody")
    return len(captured)


# API ----------------------------------------------------------------------------------------------


def test_the_api_gives_the_same_as_json(user, patient, lesion):
    body = client(user).get(f"{API}/reports/patient/{patient.pk}/").json()

    assert body["hospital"]["name"] == "Alpha"
    assert body["patient"]["medical_record_number"] == "M-1"
    assert "assist" in body["note"]
    [entry] = body["lesions"]
    assert (entry["number"], entry["lesion"]["id"]) == (1, str(lesion.pk))
    [picture] = entry["pictures"]
    [diagnosis] = picture["diagnoses"]
    assert diagnosis["prediction"]["label"] == "melanoma"
    assert diagnosis["review"]["signed_by_name"] == "Sig Natory"
    assert entry["histopathology"][0]["diagnosis"] == "basal_cell_carcinoma"
    event = AuditEvent.objects.get(action="export_patient_report")
    assert event.details.items() >= {("format", "json"), ("through", "api")}


def test_the_json_takes_a_constant_number_of_queries(user, patient, lesion):
    api, path = client(user), f"{API}/reports/patient/{patient.pk}/"
    api.get(path)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert api.get(path).status_code == 200
        counts.append(len(captured))
        for _ in range(3):
            other = LesionFactory(patient=patient)
            ReviewFactory(request__image__lesion=other, signed=True)
            HistopathologyFactory(lesion=other)
    assert counts[0] == counts[1]


def test_the_api_hands_out_the_pdf(user, patient):
    response = client(user).get(f"{API}/reports/patient/{patient.pk}/?format=pdf")
    assert response["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")


def test_an_unknown_format_is_explained(user, patient):
    answer = client(user).get(f"{API}/reports/patient/{patient.pk}/?format=csv")
    assert_problem(answer, 400, "unknown_format", "format")


def test_the_report_of_a_patient_entered_in_error_says_so(user, patient, lesion, monkeypatch):
    marked = mark_entered_in_error(actor=user, record=patient, reason="duplicate")
    words = words_of(user, marked, monkeypatch)
    assert "Entered in error: It is recorded twice. No list, figure or report has it." in words
    # which would not be true
    assert "No lesion of this patient is recorded." not in words
