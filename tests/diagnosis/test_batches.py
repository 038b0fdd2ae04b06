"""Batches as pages: begun, filled file by file or at once, and read as a grid."""

import uuid
from io import BytesIO
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape

from clinic import pictures
from clinic.errors import DomainError
from clinic.models import AuditEvent, Image, Lesion, Patient
from clinic.pictures import StorageError
from clinic.services.entered_in_error import mark_entered_in_error
from diagnosis.models import Batch, BatchFile, DiagnosisRequest, Priority
from diagnosis.services.batches import add_file, add_files, create_batch
from tests.factories import (
    BatchFactory,
    BatchFileFactory,
    DiagnosisRequestFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    PatientFactory,
    PredictionFactory,
    ReviewFactory,
    doctor,
    jpeg_bytes,
    png_bytes,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def hospital():
    return ModelPolicyFactory().hospital


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def page(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def batch(hospital, user):
    return BatchFactory(patient__hospital=hospital, created_by=user)


def picture(name: str = "a.jpg", seed: int = 1, content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, jpeg_bytes(seed=seed) if content is None else content)


def form(**fields) -> dict:
    return {"medical_record_number": "M-1", "sex": "female", "image_type": "dermoscopic"} | fields


def send(page: Client, batch: Batch, file: SimpleUploadedFile, key: str = "k"):
    address = reverse("batch-file", args=[batch.pk])
    return page.post(address, {"file": file}, headers=FRAGMENT | {"Idempotency-Key": key})


def names(response) -> list[str]:
    return [entry.file.name for entry in response.context["entries"]]


# Without a script ---------------------------------------------------------------------------------


def test_a_plain_form_sends_everything_and_shows_what_became_of_it(page) -> None:
    files = [picture("1.jpg", 1), picture("2.jpg", 2), picture("notes.txt", content=b"no picture")]
    response = page.post(reverse("batch-create"), form(files=files), follow=True)

    assert response.redirect_chain == [(reverse("batch", args=[Batch.objects.get().pk]), 302)]
    assert names(response) == ["1.jpg", "2.jpg", "notes.txt"]
    assert "<strong>3 files</strong>: 2 waiting, 1 refused" in response.content.decode()
    assert BatchFile.objects.get(name="notes.txt").refusal in response.content.decode()
    assert (Patient.objects.count(), Lesion.objects.count(), Image.objects.count()) == (1, 2, 2)


def test_the_form_sent_twice_begins_one_batch(page) -> None:
    key = str(uuid.uuid4())
    for _ in range(2):
        page.post(reverse("batch-create"), form(batch=key, files=[picture()]))

    assert [str(batch.pk) for batch in Batch.objects.all()] == [key]
    assert (BatchFile.objects.count(), Image.objects.count()) == (1, 1)


def test_a_form_without_pictures_comes_back(page) -> None:
    response = page.post(reverse("batch-create"), form())

    assert response.status_code == 400
    assert "Choose at least one picture." in response.content.decode()
    assert (Batch.objects.count(), Patient.objects.count()) == (0, 0)


def test_the_identifier_of_somebody_elses_batch_is_unknown(page, batch, hospital) -> None:
    batch.created_by = doctor(hospital)
    batch.save()
    response = page.post(reverse("batch-create"), form(batch=str(batch.pk), files=[picture()]))

    assert response.status_code == 404
    assert BatchFile.objects.count() == 0


def test_pictures_of_a_known_lesion_by_a_chosen_model(page, hospital) -> None:
    lesion = LesionFactory(patient=PatientFactory(hospital=hospital, medical_record_number="M-1"))
    model = ModelVersionFactory()
    fields = form(lesion=str(lesion.pk), model=str(model.pk), known=str(lesion.patient_id))
    page.post(reverse("batch-create"), fields | {"files": [picture()]})

    order = DiagnosisRequest.objects.get()
    assert (order.image.lesion, order.model_version) == (lesion, model)
    assert order.priority == Priority.BULK


# File by file -------------------------------------------------------------------------------------


def test_the_script_gets_the_addresses_or_what_is_wrong(page) -> None:
    refused = page.post(reverse("batch-create"), form(medical_record_number=""), headers=FRAGMENT)
    assert refused.status_code == 400
    assert 'id="upload-fields"' in refused.content.decode()
    assert "<html" not in refused.content.decode()

    begun = page.post(reverse("batch-create"), form(), headers=FRAGMENT)
    assert begun.status_code == 201
    assert begun.json()["files"] == reverse("batch-file", args=[Batch.objects.get().pk])
    assert page.get(begun.json()["more"]).status_code == 200


def test_a_repeated_file_is_stored_once(page, batch) -> None:
    for key, known in (("k", False), ("k", False), ("another", True)):
        response = send(page, batch, picture(), key)
        assert (response.status_code, response.json()["stored"]) == (201, True)
        assert response.json()["known"] == known
        assert ("It is in this batch already." in response.json()["warnings"]) == known

    assert (BatchFile.objects.count(), Image.objects.count()) == (1, 1)


def test_the_results_say_how_many_pictures_were_there_before(page, batch) -> None:
    address = reverse("batch", args=[batch.pk])
    said = "2 of the pictures that were sent were in this batch already."
    assert said in page.get(address, {"known": "2"}).content.decode()
    for odd in ("", "0", "x", "-1", "\u00b2", "9" * 5000):
        assert "in this batch already" not in page.get(address, {"known": odd}).content.decode()


def test_a_picture_under_two_names_is_told(page, batch) -> None:
    said = "The same picture as a.jpg, read once."
    assert said not in send(page, batch, picture()).json()["warnings"]
    assert said in send(page, batch, picture("b.jpg"), "another").json()["warnings"]
    assert said not in send(page, batch, picture(), "a third").json()["warnings"]


def test_the_results_name_a_picture_by_every_name_it_came_under(page, batch) -> None:
    for key, name in enumerate(("a.jpg", "b.jpg", "b.jpg", "c.jpg")):
        send(page, batch, picture(name), str(key))
    address = reverse("batch", args=[batch.pk])
    again = address + page.get(address).context["again"]
    shown = page.get(address).content.decode()
    assert "The same picture as b.jpg, c.jpg, read once." in shown
    assert "<strong>3 files</strong>: 1 waiting, 2 the same as another" in shown

    send(page, batch, picture("d.jpg"), "later")
    assert page.get(again, headers=FRAGMENT).status_code == 200


def test_a_key_is_for_one_file(page, batch) -> None:
    send(page, batch, picture())
    response = send(page, batch, picture(seed=2))

    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_reused")
    assert Image.objects.count() == 1


def test_a_bad_file_is_told_and_can_be_replaced(page, batch) -> None:
    refused = send(page, batch, picture(content=b"no picture")).json()
    assert (refused["stored"], refused["code"]) == (False, "not_an_image")
    assert send(page, batch, picture()).json()["stored"]

    assert BatchFile.objects.get().error_code == ""


def test_what_is_wrong_with_the_picture_is_told_before_it_is_read(page, batch) -> None:
    small = picture("a.png", content=png_bytes((160, 120)))
    warnings = send(page, batch, small).json()["warnings"]

    assert "The picture has few pixels. Use the original photograph." in warnings
    grid = page.get(reverse("batch", args=[batch.pk])).content.decode()
    assert DiagnosisRequest.objects.get().prediction is None
    assert warnings[0] in grid


@pytest.mark.parametrize("key", ["", "x" * 101, "tab\t"])
def test_a_file_without_a_usable_key_is_refused(page, batch, key) -> None:
    response = send(page, batch, picture(), key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert BatchFile.objects.count() == 0


def test_a_session_that_ended_is_told_and_nothing_is_stored(batch) -> None:
    assert send(Client(), batch, picture()).status_code == 401
    assert BatchFile.objects.count() == 0


def test_a_storage_that_fails_is_to_be_asked_again(page, batch, monkeypatch) -> None:
    def fail(name: str, content: bytes) -> str:
        raise StorageError("full")

    with monkeypatch.context() as patched:
        patched.setattr(pictures, "put", fail)
        response = send(page, batch, picture())
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert (BatchFile.objects.count(), Lesion.objects.count()) == (0, 0)
    assert send(page, batch, picture()).json()["stored"]


def test_the_name_is_shown_and_never_a_path(page, batch) -> None:
    add_file(
        actor=batch.created_by,
        batch=batch,
        file=BytesIO(jpeg_bytes()),
        name="C:\\photos\\<b>left\x00 arm</b>.jpg",
        key="k",
    )
    assert BatchFile.objects.get().name == "b>.jpg"
    assert "/" not in BatchFile.objects.get().name


def test_five_hundred_files_at_once(batch) -> None:
    """Every twentieth is a picture."""
    contents = (png_bytes((32, 24), seed=n) if n % 20 == 0 else b"none" for n in range(500))
    files = ((f"{n}.png", BytesIO(content)) for n, content in enumerate(contents))
    add_files(actor=batch.created_by, batch=batch, files=files)

    assert (batch.files.count(), Image.objects.count()) == (500, 25)
    one_more = BytesIO(png_bytes(seed=501))
    with pytest.raises(DomainError, match="holds 500 files") as caught:
        add_file(actor=batch.created_by, batch=batch, file=one_more, name="a.png", key="k")
    assert caught.value.code == "batch_full"


@pytest.mark.django_db(transaction=True)
def test_two_connections_that_bring_the_same_file_make_one_image(batch) -> None:
    def bring(key: str) -> BatchFile:
        return add_file(
            actor=batch.created_by, batch=batch, file=BytesIO(jpeg_bytes()), name="a.jpg", key=key
        )

    rows = together(*(lambda key=key: bring(key) for key in ("one", "one", "two", "two")))

    assert len({row.pk for row in rows}) == 1
    assert (Image.objects.count(), Lesion.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_two_names_of_one_picture_at_the_same_moment_are_both_told(page, batch, user) -> None:
    needs_postgresql()

    def bring(name: str) -> dict:
        client = Client()
        client.force_login(user)
        return send(client, batch, picture(name), f"key of {name}").json()

    answers = together(*(lambda name=name: bring(name) for name in ("a.jpg", "b.jpg", "c.jpg")))

    row = BatchFile.objects.get()
    assert {row.name, *row.other_names} == {"a.jpg", "b.jpg", "c.jpg"}
    said = f"The same picture as {row.name}, read once."
    assert sum(said in answer["warnings"] for answer in answers) == 2
    assert (Image.objects.count(), DiagnosisRequest.objects.count()) == (1, 1)


# In the language of who looks ---------------------------------------------------------------------

REFUSED = {
    "text.jpg": (b"no picture", "not_an_image"),
    "phone.jpg": (b"\0\0\0\x18ftypheic", "not_an_image"),
    "slide.jpg": (bytes(128) + b"DICM", "not_an_image"),
    "png.jpg": (png_bytes(), "extension_mismatch"),
    "no-end": (jpeg_bytes(), "extension_mismatch"),
    "empty.jpg": (b"", "empty_file"),
    "cut.jpg": (jpeg_bytes()[:-2000], "damaged_image"),
    "small.png": (png_bytes((9, 9)), "too_few_pixels"),
    "large.png": (png_bytes((321, 240)), "too_many_pixels"),
    "heavy.jpg": (jpeg_bytes() + bytes(9_000_000), "file_too_large"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_why_a_file_was_refused_is_said_in_the_language_of_who_looks(
    page, batch, settings, name
) -> None:
    settings.NEVUS_MAX_UPLOAD_PIXELS, settings.NEVUS_MAX_UPLOAD_BYTES = 320 * 240, 8 * 1024**2
    content, code = REFUSED[name]
    english = send(page, batch, picture(name, content=content)).json()
    file = BatchFile.objects.get()
    assert (english["code"], file.error_code, file.error_message) == (code, code, "")

    address, said = reverse("batch", args=[batch.pk]), {}
    for language in ("en", "es"):
        page.cookies["nevus_language"] = language
        said[language] = escape(send(page, batch, picture(name, content=content)).json()["message"])
        assert f">{said[language]}<" in page.get(address).content.decode()
    assert said["en"] == escape(english["message"]) != said["es"]


def test_a_picture_that_was_entered_in_error_is_told_apart_in_every_language(
    page, hospital, user
) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    image = send_to(page, lesion, user)
    mark_entered_in_error(actor=user, record=image, reason="test")
    send_to(page, lesion, user)
    file = BatchFile.objects.get(image=None)
    assert file.error_code == "duplicate_image"
    assert file.refusal.endswith("Reinstate that one.")
    with translation.override("es"):
        assert "Reinstate" not in file.refusal


def send_to(page: Client, lesion: Lesion, user) -> Image | None:
    batch = BatchFactory(patient=lesion.patient, lesion=lesion, created_by=user)
    send(page, batch, picture())
    return batch.files.get().image


def test_a_sentence_that_an_earlier_version_kept_is_shown_as_it_is(page, batch) -> None:
    BatchFileFactory(batch=batch, image=None, error_code="invalid", error_message="Algo pasó.")
    BatchFileFactory(batch=batch, image=None, error_code="invalid")
    shown = page.get(reverse("batch", args=[batch.pk])).content.decode()
    assert ">Algo pasó.<" in shown
    assert ">The file was not taken in. Send it again.<" in shown


# The grid -----------------------------------------------------------------------------------------


def read(batch: Batch, name: str, label: str, malignancy: float) -> DiagnosisRequest:
    file = BatchFileFactory(batch=batch, name=name)
    prediction = PredictionFactory(label=label, malignancy_probability=malignancy)
    return DiagnosisRequestFactory(image=file.image, succeeded=True, prediction=prediction)


def test_sorted_by_name_while_it_is_read_then_by_importance(page, batch) -> None:
    read(batch, "2.jpg", "nevus", 0.1)
    read(batch, "10.jpg", "basal_cell_carcinoma", 0.9)
    read(batch, "3.jpg", "melanoma", 0.5)
    BatchFileFactory(batch=batch, name="1.jpg", refused=True)
    waiting = DiagnosisRequestFactory(image=BatchFileFactory(batch=batch, name="4.jpg").image)
    address = reverse("batch", args=[batch.pk])

    assert names(page.get(address)) == ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "10.jpg"]
    waiting.status, waiting.finished_at = "cancelled", waiting.created_at
    waiting.save()
    response = page.get(address)
    assert names(response) == ["3.jpg", "10.jpg", "2.jpg", "4.jpg", "1.jpg"]
    assert response.content.decode().count('shot suspicious"') == 2
    assert names(page.get(f"{address}?sort=name"))[0] == "1.jpg"


def test_the_files_of_a_batch_are_counted_by_what_became_of_them(page, batch) -> None:
    read(batch, "1.jpg", "nevus", 0.1)
    read(batch, "2.jpg", "melanoma", 0.9)
    for name, trait in {
        "3.jpg": {"failed": True},
        "4.jpg": {"rejected": True},
        "5.jpg": {},
        "6.jpg": {"running": True},
    }.items():
        DiagnosisRequestFactory(image=BatchFileFactory(batch=batch, name=name).image, **trait)
    for name in ("7.txt", "8.txt"):
        BatchFileFactory(batch=batch, name=name, refused=True)
    page_of = page.get(reverse("batch", args=[batch.pk])).content.decode()

    said = "2 read, 1 being read, 1 waiting, 1 not readable as a lesion, 2 refused, 1 failed"
    assert f"<strong>8 files</strong>: {said} · <strong>1 suspicious</strong>" in page_of
    assert '<progress max="8" value="6" aria-label="Finished">' in page_of


def test_the_grid_names_each_lesion_by_its_number(page, batch) -> None:
    for seed, name in enumerate(("IMG_7.jpg", "IMG_8.jpg")):
        send(page, batch, picture(name, seed), name)
    lesion = Lesion.objects.get(label="IMG_8")
    lesion.label, lesion.anatom_site, lesion.laterality = "", "upper extremity", "left"
    lesion.save()
    shown = page.get(reverse("batch", args=[batch.pk])).content.decode()

    assert ">1 · IMG_7<" in shown
    assert ">2 · Upper extremity, left<" in shown


def test_an_uncertain_reading_is_not_told_to_be_harmless(page, batch) -> None:
    read(batch, "1.jpg", "nevus", 0.05)
    address = reverse("batch", args=[batch.pk])
    assert page.get(address).content.decode().count("Not suspicious") == 1

    either = {"nevus": 0.55, "melanoma": 0.45}
    prediction = PredictionFactory(label="nevus", probabilities=either, malignancy_probability=0.05)
    image = BatchFileFactory(batch=batch, name="2.jpg").image
    DiagnosisRequestFactory(image=image, succeeded=True, prediction=prediction)
    found = page.get(address).content.decode()
    assert "could be" in found
    assert found.count("Not suspicious") == 1


def test_the_grid_is_drawn_again_only_when_something_changed(page, batch) -> None:
    row = DiagnosisRequestFactory(image=BatchFileFactory(batch=batch).image)
    address = reverse("batch", args=[batch.pk])
    first = page.get(address)
    again = address + first.context["again"]
    assert page.get(again, headers=FRAGMENT).status_code == 204

    row.status, row.finished_at = "cancelled", row.created_at
    row.save()
    changed = page.get(again, headers=FRAGMENT)
    assert changed.status_code == 200
    assert "hx-trigger" not in changed.content.decode()


def test_a_failed_one_is_read_again_by_the_same_model(page, batch) -> None:
    file = BatchFileFactory(batch=batch)
    DiagnosisRequestFactory(image=file.image, failed=True)
    assert "Read again" in page.get(reverse("batch", args=[batch.pk])).content.decode()
    page.post(reverse("batch-repeat", args=[batch.pk, file.pk]))

    order = DiagnosisRequest.objects.get(status="queued")
    assert (order.model_version, order.priority) == (batch.model_version, Priority.BULK)
    grid = page.get(reverse("batch", args=[batch.pk]))
    assert grid.context["progress"].waiting == 1


def test_a_picture_of_no_lesion_can_be_taken_anew(page, batch) -> None:
    image = BatchFileFactory(batch=batch).image
    DiagnosisRequestFactory(image=image, rejected=True)
    shown = page.get(reverse("batch", args=[batch.pk])).content.decode()
    again = f"{reverse('diagnosis-create')}?batch={batch.pk}&lesion={image.lesion_id}"
    assert escape(again) in shown
    # the same model would say the same
    assert "Read again" not in shown


def test_a_picture_that_was_taken_anew_says_what_was_read(page, batch) -> None:
    image = BatchFileFactory(batch=batch).image
    DiagnosisRequestFactory(image=image, rejected=True)
    read(batch, "beside.jpg", "nevus", 0.1)
    address = reverse("batch", args=[batch.pk])
    html = page.get(address).content.decode()
    again = f"{reverse('diagnosis-create')}?batch={batch.pk}&lesion={image.lesion_id}"
    assert f'href="{escape(again)}"' in html
    # the order leads back to the batch
    form = page.get(again).content.decode()
    assert f'action="{reverse("diagnosis-create")}?batch={batch.pk}"' in form
    ordered = page.post(
        f"{reverse('diagnosis-create')}?batch={batch.pk}",
        {
            "medical_record_number": batch.patient.medical_record_number,
            "known": str(batch.patient.pk),
            "lesion": str(image.lesion_id),
            "image_type": "dermoscopic",
            "file": picture("new.jpg", seed=7),
        },
    )
    new = DiagnosisRequest.objects.get(status="queued")
    assert ordered["Location"] == f"{reverse('diagnosis', args=[new.pk])}?batch={batch.pk}"
    opened = page.get(ordered["Location"]).content.decode()
    assert f"#shot-{image.batch_file.pk}" in opened
    assert "Another picture of this lesion" not in page.get(address).content.decode()

    prediction = PredictionFactory(label="dermatofibroma", probability=0.61)
    done = DiagnosisRequestFactory(image=new.image, succeeded=True, prediction=prediction)
    html = page.get(address).content.decode()
    assert html.count("Another picture of this lesion was read") == 1
    assert "<strong>Dermatofibroma</strong>" in html
    assert f'href="{reverse("diagnosis", args=[done.pk])}?batch={batch.pk}"' in html
    assert "Take a new picture" not in html


@pytest.mark.parametrize("of_one_lesion", [False, True])
def test_what_is_no_lesion_is_marked_and_leads_back_to_what_was_shown(
    page, hospital, of_one_lesion
) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    only = {"lesion": lesion} if of_one_lesion else {}
    batch = BatchFactory(patient=lesion.patient, **only)
    image = BatchFileFactory(batch=batch, image=ImageFactory(lesion=lesion)).image
    DiagnosisRequestFactory(image=image, rejected=True)
    address = reverse("batch", args=[batch.pk]) + "?show=unanswered"
    wanted = ("image", image) if of_one_lesion else ("lesion", lesion)
    mark = reverse(f"{wanted[0]}-entered-in-error", args=[wanted[1].pk])
    mark = f"{mark}?next={quote(address, safe='')}"
    assert f'href="{mark}"' in page.get(address).content.decode()

    told = page.post(mark, {"reason": "no_lesion"}, follow=True)
    assert told.redirect_chain == [(address, 302)]
    assert "0</strong> All" in told.content.decode()
    wanted[1].refresh_from_db()
    assert not wanted[1].is_standing


def test_a_refused_file_has_nothing_to_read_again(page, batch) -> None:
    file = BatchFileFactory(batch=batch, refused=True)
    response = page.post(reverse("batch-repeat", args=[batch.pk, file.pk]))
    assert response.status_code == 409


def test_a_refused_file_is_taken_off_the_list_and_a_stored_one_is_not(page, batch) -> None:
    stored = BatchFileFactory(batch=batch)
    DiagnosisRequestFactory(image=stored.image, succeeded=True)
    refused = BatchFileFactory(batch=batch, refused=True, name="notes.txt")
    address = reverse("batch", args=[batch.pk])
    assert "1 read, 1 refused" in page.get(address).content.decode()

    gone = page.post(reverse("batch-forget", args=[batch.pk, refused.pk]), follow=True)
    kept = page.post(reverse("batch-forget", args=[batch.pk, stored.pk]))

    assert "“notes.txt” is off the list." in gone.content.decode()
    assert "<strong>1 file</strong>: 1 read" in page.get(address).content.decode()
    assert (kept.status_code, list(batch.files.all())) == (409, [stored])
    event = AuditEvent.objects.get(action="forget_batch_file")
    assert (event.object_id, event.details) == (str(batch.pk), {"code": "not_an_image"})
    # another window still shows it
    again = page.post(reverse("batch-forget", args=[batch.pk, refused.pk]))
    assert again.status_code == 404


@pytest.mark.parametrize("shown", ["all", "suspicious", "to_review", "unanswered"])
def test_the_address_says_what_is_shown_and_in_which_order(page, batch, shown) -> None:
    row = read(batch, "1.jpg", "melanoma", 0.9)
    waiting = DiagnosisRequestFactory(image=BatchFileFactory(batch=batch, name="2.jpg").image)
    failed = DiagnosisRequestFactory(
        image=BatchFileFactory(batch=batch, name="3.jpg").image, failed=True
    )
    BatchFileFactory(batch=batch, name="4.jpg", refused=True)
    address = reverse("batch", args=[batch.pk])
    response = page.get(address, {"show": shown, "sort": "importance"})
    html = response.content.decode()

    of_one = ["1.jpg"]
    wanted = {
        "all": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"],
        "suspicious": of_one,
        "to_review": of_one,
        "unanswered": ["3.jpg", "4.jpg"],
    }[shown]
    assert sorted(names(response)) == wanted
    counts = {entry.name: (entry.count, entry.chosen) for entry in response.context["tallies"]}
    assert counts == {
        "All": ("4", shown == "all"),
        "Suspicious": ("1", shown == "suspicious"),
        "To review": ("1", shown == "to_review"),
        "Not answered": ("2", shown == "unanswered"),
    }
    view = "sort=importance" if shown == "all" else f"show={shown}&amp;sort=importance"
    for name, reading in {"1.jpg": row, "2.jpg": waiting, "3.jpg": failed}.items():
        opened = reverse("diagnosis", args=[reading.pk])
        assert (f'href="{opened}?batch={batch.pk}&amp;{view}"' in html) == (name in wanted)
    # who sorts stays with what is shown, and who chooses what is shown with the order
    assert f'href="?{"" if shown == "all" else f"show={shown}&amp;"}sort=name"' in html
    assert 'href="?show=suspicious&amp;sort=importance"' in html
    # drawn again in the order that was chosen, with what was
    assert f"{html.split('hx-get=')[1].split()[0]}".startswith(f'"{address}?{view}&amp;seen=')


def test_an_address_that_makes_no_sense_shows_everything(page, batch) -> None:
    read(batch, "1.jpg", "nevus", 0.1)
    odd = {"show": "x", "sort": "y", "page": "z", "picture": "w"}
    response = page.get(reverse("batch", args=[batch.pk]), odd)
    assert names(response) == ["1.jpg"]
    assert [entry.chosen for entry in response.context["tallies"]] == [True, False, False, False]
    assert 'data-order="importance"' in response.content.decode()


def test_who_orders_again_or_takes_off_the_list_stays_with_what_is_shown(page, batch) -> None:
    failed = BatchFileFactory(batch=batch)
    DiagnosisRequestFactory(image=failed.image, failed=True)
    refused = BatchFileFactory(batch=batch, refused=True)
    address, view = reverse("batch", args=[batch.pk]), "?show=unanswered&sort=name"
    html = page.get(address + view).content.decode()

    for name, file in {"batch-repeat": failed, "batch-forget": refused}.items():
        action = reverse(name, args=[batch.pk, file.pk]) + view
        assert f'action="{escape(action)}"' in html
        assert page.post(action)["Location"] == address + view


@pytest.mark.parametrize(
    ("show", "said"),
    [
        ("suspicious", "No picture of this batch reads as suspicious."),
        ("to_review", "No reading of this batch waits for a review."),
        ("unanswered", "Every picture that was read has an answer."),
    ],
)
def test_where_nothing_is_to_be_shown_that_is_said(page, batch, show, said) -> None:
    ReviewFactory(request=read(batch, "1.jpg", "nevus", 0.1), signed=True)
    address = reverse("batch", args=[batch.pk])
    assert said in page.get(address, {"show": show}).content.decode()
    DiagnosisRequestFactory(image=BatchFileFactory(batch=batch, name="2.jpg").image)
    said = "Nothing suspicious so far." if show == "suspicious" else said
    assert said in page.get(address, {"show": show}).content.decode()


@pytest.fixture
def long(batch) -> list[BatchFile]:
    """More than one page holds: the first two suspicious, the last refused."""
    files = [BatchFileFactory(batch=batch, name=f"{number}.jpg") for number in range(70)]
    for number, file in enumerate(files):
        DiagnosisRequestFactory(
            image=file.image,
            succeeded=True,
            prediction__malignancy_probability=0.9 - number / 1000 if number < 2 else 0.001,
        )
    return [*files, BatchFileFactory(batch=batch, name="last.txt", refused=True)]


def test_a_long_batch_has_pages_and_counts_of_all(page, batch, long) -> None:
    address = reverse("batch", args=[batch.pk])
    first = page.get(address, {"sort": "name"})
    second = page.get(address, {"sort": "name", "page": "2"})
    assert names(first) + names(second) == [file.name for file in long]
    assert len(names(first)) == 48
    html = second.content.decode()
    assert "<strong>71 files</strong>: 70 read, 1 refused" in html
    assert "Page 2 of 2" in html
    assert [entry.count for entry in second.context["tallies"]] == ["71", "2", "70", "1"]
    assert names(page.get(address, {"show": "suspicious"})) == ["0.jpg", "1.jpg"]
    # a page that is no more is the last one
    assert names(page.get(address, {"sort": "name", "page": "9"})) == names(second)
    # taken off the list on the second page, one is there again
    action = reverse("batch-forget", args=[batch.pk, long[-1].pk]) + "?sort=name&page=2"
    assert f'action="{escape(action)}"' in html
    assert page.post(action)["Location"] == f"{address}?sort=name&page=2"


def test_the_way_back_leads_to_the_page_on_which_the_picture_stands(page, batch, long) -> None:
    row = DiagnosisRequest.objects.get(image=long[68].image)
    opened = f"{reverse('diagnosis', args=[row.pk])}?batch={batch.pk}&sort=name"
    back = f"{reverse('batch', args=[batch.pk])}?sort=name&picture={long[68].pk}"
    assert f'href="{escape(back)}#shot-{long[68].pk}"' in page.get(opened).content.decode()
    shown = page.get(back)
    assert shown.context["page"].number == 2
    assert f'id="shot-{long[68].pk}"' in shown.content.decode()


def test_queries_do_not_grow_with_the_files(page, hospital) -> None:
    counts = []
    for size in (2, 12):
        batch = BatchFactory(patient__hospital=hospital)
        for number in range(size):
            read(batch, f"{number}.jpg", "nevus", 0.1)
        address = reverse("batch", args=[batch.pk])
        page.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert page.get(address).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["1\u00b23.jpg", "\u2460.jpg", "\u0661\u0662.jpg"])
def test_signs_of_numbers_are_put_in_order_too(page, batch, name) -> None:
    for one in (name, "2.jpg"):
        read(batch, one, "nevus", 0.1)
    assert len(names(page.get(reverse("batch", args=[batch.pk]), {"sort": "name"}))) == 2


# Another file in place of a refused one -----------------------------------------------------------


def replacing(batch: Batch, file: BatchFile) -> str:
    return f"?batch={batch.pk}&instead={file.pk}"


@pytest.fixture
def refused(batch) -> BatchFile:
    return BatchFileFactory(batch=batch, refused=True, name="half.jpg")


def test_the_page_says_in_place_of_which_file_another_is_sent(page, batch, refused) -> None:
    query = escape(replacing(batch, refused))
    grid = page.get(reverse("batch", args=[batch.pk])).content.decode()
    assert f'href="{reverse("batch-create")}{query}">Send another file' in grid
    html = page.get(reverse("batch-create") + replacing(batch, refused)).content.decode()
    assert "In place of half.jpg, which was refused." in html
    assert f'action="{reverse("batch-create")}{query}"' in html
    address = reverse("batch-file", args=[batch.pk])
    assert f'data-files="{address}?instead={refused.pk}"' in html


def test_a_form_with_a_good_file_takes_the_place_of_the_refused_one(page, batch, refused) -> None:
    files = [picture("half.jpg"), picture("more.jpg", 2)]
    page.post(reverse("batch-create") + replacing(batch, refused), {"files": files})

    assert [(row.name, row.error_code) for row in batch.files.all()] == [
        ("half.jpg", ""),
        ("more.jpg", ""),
    ]
    assert AuditEvent.objects.filter(action="forget_batch_file").count() == 1


def test_what_the_script_sends_takes_the_place_of_the_refused_one(page, batch, refused) -> None:
    address = f"{reverse('batch-file', args=[batch.pk])}?instead={refused.pk}"
    for key in ("k", "k", "another"):
        headers = FRAGMENT | {"Idempotency-Key": key}
        assert page.post(address, {"file": picture("half.jpg")}, headers=headers).json()["stored"]

    assert [(row.key, row.name) for row in batch.files.all()] == [("k", "half.jpg")]


def test_a_picture_that_is_in_the_batch_takes_the_place_too(page, batch, refused) -> None:
    send(page, batch, picture("whole.jpg"))
    address = f"{reverse('batch-file', args=[batch.pk])}?instead={refused.pk}"
    headers = FRAGMENT | {"Idempotency-Key": "again"}
    page.post(address, {"file": picture("half.jpg")}, headers=headers)
    assert [(row.name, row.other_names) for row in batch.files.all()] == [
        ("whole.jpg", ["half.jpg"])
    ]


def test_a_file_that_is_refused_again_stays_with_the_old_one(page, batch, refused) -> None:
    headers = FRAGMENT | {"Idempotency-Key": "k"}
    address = f"{reverse('batch-file', args=[batch.pk])}?instead={refused.pk}"
    bad = page.post(address, {"file": picture("b.txt", content=b"no")}, headers=headers)
    assert not bad.json()["stored"]
    page.post(
        reverse("batch-create") + replacing(batch, refused),
        {"files": [picture("c.txt", content=b"nor this")]},
    )
    assert [row.name for row in batch.files.all()] == ["half.jpg", "b.txt", "c.txt"]


def test_what_is_no_refused_file_of_the_batch_is_left_alone(page, batch, refused) -> None:
    stored = BatchFileFactory(batch=batch, name="stored.jpg")
    elsewhere = BatchFileFactory(batch=BatchFactory(), refused=True)
    for number, wrong in enumerate((stored.pk, elsewhere.pk, uuid.uuid4(), "x", "")):
        query = f"?batch={batch.pk}&instead={wrong}"
        assert "In place of" not in page.get(reverse("batch-create") + query).content.decode()
        address = f"{reverse('batch-file', args=[batch.pk])}?instead={wrong}"
        headers = FRAGMENT | {"Idempotency-Key": str(number)}
        file = picture(f"{number}.jpg", seed=number)
        assert page.post(address, {"file": file}, headers=headers).status_code == 201
    assert BatchFile.objects.filter(pk__in=[stored.pk, elsewhere.pk, refused.pk]).count() == 3
    assert batch.files.count() == 7


def test_a_full_batch_has_room_for_the_file_that_comes_instead(
    page, batch, refused, settings
) -> None:
    settings.NEVUS_MAX_BATCH_FILES = 1
    assert send(page, batch, picture()).status_code == 409
    headers = FRAGMENT | {"Idempotency-Key": "k"}
    address = f"{reverse('batch-file', args=[batch.pk])}?instead={refused.pk}"
    bad = {"file": picture("b.txt", content=b"no")}
    told = page.post(address, bad, headers=FRAGMENT | {"Idempotency-Key": "b"})
    assert (told.status_code, told.json()["code"]) == (400, "not_an_image")
    assert page.post(address, {"file": picture()}, headers=headers).status_code == 201
    assert [row.name for row in batch.files.all()] == ["a.jpg"]


# Entered in error ---------------------------------------------------------------------------------


def test_the_batch_of_a_patient_entered_in_error_says_so_and_is_in_no_list(page, batch, user):
    BatchFileFactory(batch=batch)
    new, own = reverse("batch-create"), reverse("batch", args=[batch.pk])
    assert own in page.get(new).content.decode()
    mark_entered_in_error(actor=user, record=batch.patient, reason="test")

    assert own not in page.get(new).content.decode()
    shown = page.get(own).content.decode()
    assert "No list, figure or report has it." in shown
    assert f"{new}?batch={batch.pk}" not in shown
    assert page.get(new, {"batch": batch.pk}).status_code == 409


@pytest.mark.parametrize("key", ["k", "another"])
def test_a_picture_that_was_marked_is_not_told_to_be_there(page, batch, user, key) -> None:
    send(page, batch, picture())
    image = Image.objects.get()
    mark_entered_in_error(actor=user, record=image, reason="test")

    answer = send(page, batch, picture(), key)
    assert (answer.status_code, answer.json()["code"]) == (409, "entered_in_error")
    assert BatchFile.objects.get().image == image


# At the same moment -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_two_connections_that_bring_the_same_form_begin_one_batch(hospital, user, known) -> None:
    needs_postgresql()
    key, patient = uuid.uuid4(), PatientFactory(hospital=hospital) if known else None
    whose = {"patient": patient, "patient_fields": {"medical_record_number": "M-1"}}
    begin = lambda: create_batch(actor=user, hospital=hospital, pk=key, **whose)  # noqa: E731

    assert {begun.pk for begun in together(begin, begin, begin)} == {key}
    assert (Batch.objects.count(), Patient.objects.count()) == (1, 1)


def test_one_picture_only_is_of_the_same_patient_and_lesion(page, hospital, user):
    lesion = LesionFactory(patient__hospital=hospital)
    of_patient = BatchFactory(patient=lesion.patient, created_by=user)
    of_lesion = BatchFactory(patient=lesion.patient, lesion=lesion, created_by=user)
    meant = {
        f"?batch={of_patient.pk}": f"?patient={lesion.patient_id}",
        f"?batch={of_lesion.pk}": f"?lesion={lesion.pk}",
        f"?patient={lesion.patient_id}": f"?patient={lesion.patient_id}",
        f"?lesion={lesion.pk}": f"?lesion={lesion.pk}",
        "": "",
    }
    for asked, carried in meant.items():
        html = page.get(reverse("batch-create") + asked).content.decode()
        assert f'href="{reverse("diagnosis-create")}{carried}">One picture only' in html, asked
