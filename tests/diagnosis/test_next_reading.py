"""After a signature the page leads to the next reading; a slip with a picture is told."""

import re
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from clinic.models import AuditEvent, Lesion, Patient
from diagnosis.models import Batch, DiagnosisRequest
from diagnosis.services.batches import add_file
from diagnosis.services.worklist import next_to_review
from tests.factories import (
    BatchFactory,
    BatchFileFactory,
    DiagnosisRequestFactory,
    HospitalFactory,
    ModelPolicyFactory,
    ReviewFactory,
    doctor,
    jpeg_bytes,
    member,
    spread,
)

pytestmark = pytest.mark.django_db
LINK = "data-next"


@pytest.fixture
def hospital():
    return ModelPolicyFactory(hospital=HospitalFactory(name="Alpha")).hospital


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def page(user) -> Client:
    found = Client()
    found.force_login(user)
    return found


def answered(hospital, melanoma: float, **fields):
    return DiagnosisRequestFactory(
        image__lesion__patient__hospital=hospital,
        succeeded=True,
        prediction__probabilities=spread("melanoma", melanoma),
        prediction__malignancy_probability=melanoma,
        **fields,
    )


def shown(page: Client, row) -> str:
    return page.get(reverse("diagnosis", args=[row.pk])).content.decode()


def test_the_riskiest_that_waits_is_next(page, user, hospital) -> None:
    answered(hospital, 0.3)
    riskiest = answered(hospital, 0.9)
    answered(HospitalFactory(), 0.95)
    DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    ReviewFactory(request=answered(hospital, 0.99), signed=True)
    assert next_to_review(user, hospital.pk) == riskiest.pk
    done = ReviewFactory(request=answered(hospital, 0.5), signed=True).request
    html = shown(page, done)
    assert LINK in html
    assert f'data-next href="{reverse("diagnosis", args=[riskiest.pk])}"' in html
    # before the signature nothing leads away from it
    assert LINK not in shown(page, riskiest)


def test_where_nothing_waits_it_says_so(page, hospital) -> None:
    done = ReviewFactory(request=answered(hospital, 0.5), signed=True).request
    html = shown(page, done)
    assert LINK not in html
    assert "No other reading waits for a review." in html


def test_who_may_not_review_is_led_nowhere(hospital) -> None:
    done = ReviewFactory(request=answered(hospital, 0.5), signed=True).request
    answered(hospital, 0.9)
    reader = Client()
    reader.force_login(member(hospital, "administrator"))
    html = shown(reader, done)
    assert LINK not in html
    assert "No other reading" not in html


# Opened from a batch ------------------------------------------------------------------------------

VIEW = "&show=suspicious&sort=name"


@pytest.fixture
def batch(hospital, user) -> Batch:
    return BatchFactory(patient__hospital=hospital, created_by=user)


def answered_in(batch: Batch, name: str, melanoma: float):
    file = BatchFileFactory(batch=batch, name=name)
    return DiagnosisRequestFactory(
        image=file.image,
        succeeded=True,
        prediction__probabilities=spread("melanoma", melanoma),
        prediction__malignancy_probability=melanoma,
    )


def in_batch(row, batch: Batch, view: str = VIEW) -> str:
    return f"{reverse('diagnosis', args=[row.pk])}?batch={batch.pk}{view}"


def next_link(html: str) -> str | None:
    found = re.search(r'<a class="([^"]*)"( data-next)? href="([^"]*)">Next in this batch<', html)
    return found and found[3]


def test_a_diagnosis_leads_back_to_the_batch_it_was_opened_from(page, batch) -> None:
    row = answered_in(batch, "1.jpg", 0.9)
    file = row.image.batch_file.pk
    for view in (VIEW, ""):
        results = f"{reverse('batch', args=[batch.pk])}?{view}&picture={file}".replace("?&", "?")
        html = page.get(in_batch(row, batch, view)).content.decode()
        assert f'<a href="{escape(results)}#shot-{file}">Batch</a>' in html


def test_who_cancels_or_orders_again_still_comes_from_the_batch(page, batch) -> None:
    file = BatchFileFactory(batch=batch, name="1.jpg")
    row = DiagnosisRequestFactory(image=file.image)
    for name in ("diagnosis-cancel", "diagnosis-order-again"):
        html = page.get(in_batch(row, batch)).content.decode()
        action = f"{reverse(name, args=[row.pk])}?batch={batch.pk}{VIEW}"
        assert f'action="{escape(action)}"' in html
        told = page.post(action)["Location"]
        assert told.endswith(f"?batch={batch.pk}{VIEW}")
    row = DiagnosisRequest.objects.get(image=file.image, status="queued")
    assert told == in_batch(row, batch)
    # the fragment that the page asks for meanwhile, too
    asked = re.search(r'hx-get="([^"]*/answer/[^"]*)"', page.get(told).content.decode())
    assert asked
    row.status, row.finished_at = "cancelled", row.created_at
    row.save()
    fragment = page.get(unescape(asked[1]), headers={"HX-Request": "true"}).content.decode()
    action = f"{reverse('diagnosis-order-again', args=[row.pk])}?batch={batch.pk}{VIEW}"
    assert f'action="{escape(action)}"' in fragment


def test_a_batch_that_does_not_hold_the_picture_is_not_shown(page, hospital, batch) -> None:
    row = answered_in(batch, "1.jpg", 0.9)
    alone = answered(hospital, 0.5)
    abroad = BatchFactory(patient__hospital=HospitalFactory())
    address = reverse("diagnosis", args=[row.pk])
    for query in ("", f"?batch={abroad.pk}", f"?batch={BatchFactory().pk}", "?batch=x", "?batch="):
        html = page.get(address + query).content.decode()
        assert ">Batch</a>" not in html, query
        assert "Next in this batch" not in html
    assert ">Batch</a>" not in page.get(in_batch(alone, batch)).content.decode()


def test_the_next_of_the_batch_is_the_most_important_that_is_not_signed(
    page, hospital, batch
) -> None:
    worst, middle, last = [answered_in(batch, f"{n}.jpg", n / 10) for n in (9, 7, 5)]
    ReviewFactory(request=answered_in(batch, "8.jpg", 0.8), signed=True)
    BatchFileFactory(batch=batch, name="refused.txt", refused=True)
    answered(hospital, 0.95)

    def following(row) -> str | None:
        return next_link(page.get(in_batch(row, batch, "")).content.decode())

    assert following(worst) == escape(in_batch(middle, batch, ""))
    assert following(middle) == escape(in_batch(last, batch, ""))
    # what was passed over comes again
    assert following(last) == escape(in_batch(worst, batch, ""))


def test_the_next_of_the_batch_follows_what_is_shown_in_which_order(page, batch) -> None:
    risks = {"10.jpg": 0.9, "2.jpg": 0.01, "3.jpg": 0.7, "4.jpg": 0.02}
    rows = {name: answered_in(batch, name, risk) for name, risk in risks.items()}

    def passed(view: str) -> list[str]:
        """From one as the links lead, until one comes again."""
        names = {reverse("diagnosis", args=[row.pk]): name for name, row in rows.items()}
        address, found = in_batch(rows["3.jpg"], batch, view), []
        while (name := names[address.partition("?")[0]]) not in found:
            found.append(name)
            address = unescape(next_link(page.get(address).content.decode()) or "")
        return found

    assert passed("&sort=name") == ["3.jpg", "4.jpg", "10.jpg", "2.jpg"]
    assert passed("&show=suspicious&sort=name") == ["3.jpg", "10.jpg"]
    assert passed("") == ["3.jpg", "4.jpg", "2.jpg", "10.jpg"]
    # when all that is shown are signed, the others
    ReviewFactory(request=rows["10.jpg"], signed=True)
    html = page.get(in_batch(rows["3.jpg"], batch, "&show=suspicious&sort=name")).content.decode()
    assert reverse("diagnosis", args=[rows["4.jpg"].pk]) in (next_link(html) or "")
    # while one is being read the results stand by name
    DiagnosisRequestFactory(image=BatchFileFactory(batch=batch, name="5.jpg").image)
    assert passed("") == ["3.jpg", "4.jpg", "2.jpg"]


def test_who_signs_in_a_batch_stays_in_it(page, hospital, batch) -> None:
    worst, other = answered_in(batch, "9.jpg", 0.9), answered_in(batch, "1.jpg", 0.1)
    elsewhere = answered(hospital, 0.95)
    html = page.get(in_batch(worst, batch)).content.decode()
    action = reverse("diagnosis-review", args=[worst.pk]) + f"?batch={batch.pk}{VIEW}"
    assert f'action="{escape(action)}"' in html
    # before the signature no key leads away from it
    assert LINK not in html

    fields = {"conclusion": "melanoma", "management": "excise"}
    signed = page.post(action, fields | {"sign": "1"}, follow=True)
    assert signed.redirect_chain == [(in_batch(worst, batch), 302)]
    html = signed.content.decode()
    assert f'data-next href="{escape(in_batch(other, batch))}">Next in this batch<' in html
    assert ">Next reading to review</a>" not in html
    assert "No other reading waits" not in html

    # the last of the batch leads on to what else waits
    ReviewFactory(request=other, signed=True)
    html = page.get(in_batch(other, batch)).content.decode()
    assert f'data-next href="{reverse("diagnosis", args=[elsewhere.pk])}"' in html
    assert "Next in this batch" not in html


def test_a_draft_a_refused_form_and_what_comes_back_to_it_stay_in_the_batch(page, batch) -> None:
    row = answered_in(batch, "9.jpg", 0.9)
    address = reverse("diagnosis-review", args=[row.pk]) + f"?batch={batch.pk}{VIEW}"
    draft = page.post(address, {"conclusion": "nevus", "management": "monitor", "save": "1"})
    assert draft["Location"] == f"{in_batch(row, batch)}#review"
    assert page.get(address)["Location"] == in_batch(row, batch)
    refused = page.post(address, {"conclusion": "", "management": "", "sign": "1"})
    assert refused.status_code == 400
    assert ">Batch</a>" in refused.content.decode()
    assert f'action="{escape(address)}"' in refused.content.decode()


def test_who_may_not_review_finds_the_way_back_only(hospital, batch) -> None:
    row = answered_in(batch, "9.jpg", 0.9)
    answered_in(batch, "8.jpg", 0.8)
    reader = Client()
    reader.force_login(member(hospital, "administrator"))
    html = reader.get(in_batch(row, batch)).content.decode()
    assert ">Batch</a>" in html
    assert "Next in this batch" not in html


def test_the_way_through_a_batch_costs_the_same_however_many_there_are(
    page, hospital, batch
) -> None:
    def queries(address: str) -> list[str]:
        page.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert page.get(address).status_code == 200
        return [query["sql"] for query in captured]

    row = answered_in(batch, "0.jpg", 0.5)
    ReviewFactory(request=answered_in(batch, "1.jpg", 0.6), signed=True)
    few = queries(in_batch(row, batch))
    for number in range(2, 9):
        ReviewFactory(request=answered_in(batch, f"{number}.jpg", 0.1 * number), signed=True)
        answered_in(batch, f"{number}b.jpg", 0.1 * number)
    assert len(queries(in_batch(row, batch))) == len(few)
    # who came otherwise asks nothing of the batch
    plain = queries(reverse("diagnosis", args=[row.pk]))
    assert not [sql for sql in plain if "diagnosis_batch" in sql]


@pytest.mark.parametrize(
    ("name", "label"),
    [("Arm left 3.JPG", "Arm left 3"), ("a\u202eb.jpg", "ab"), ("x" * 140 + ".jpg", "x" * 100)],
)
def test_a_lesion_of_a_batch_is_known_by_its_file(user, hospital, name: str, label: str) -> None:
    waiting = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    patient = waiting.image.lesion.patient
    batch = Batch.objects.create(
        patient=patient,
        hospital=hospital,
        created_by=user,
        model_version=waiting.model_version,
    )
    file = SimpleUploadedFile(name, jpeg_bytes(seed=5))
    add_file(actor=user, batch=batch, file=file, name=name, key="k")
    assert Lesion.objects.latest("created_at").label == label


def test_the_same_picture_for_another_lesion_is_told(page, hospital) -> None:
    def send(number: str = "M-1", **known: str) -> list[str]:
        file = SimpleUploadedFile("photo.jpg", jpeg_bytes(seed=7))
        fields = {"medical_record_number": number, "sex": "female", "image_type": "dermoscopic"}
        fields |= {"file": file, "anatom_site": "head/neck"} | known
        sent = page.post(reverse("diagnosis-create"), fields)
        assert sent.status_code == 302, sent.content.decode()
        return [str(message) for message in get_messages(sent.wsgi_request)]

    assert send() == []
    (told,) = send(known=str(Patient.objects.get().pk))
    assert told.startswith("This picture was recorded for the patient before: 1 · Head or neck, ")
    told = send("M-2")[-1]
    assert told.startswith("This picture was recorded for another patient before: M-1, ")
    looked_at = AuditEvent.objects.filter(action="view_patient")
    assert looked_at.latest("id").object_id == str(Patient.objects.earliest("created_at").pk)
