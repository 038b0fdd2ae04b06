"""Where the model looked: ordered at the first look, drawn once by a worker, given out."""

import datetime
import io
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as PillowImage

from clinic.models import AuditEvent, Scope
from diagnosis.inference import Reader, drawing
from diagnosis.inference.drawing import SIDE, fitted
from diagnosis.models import DiagnosisRequest, HeatMap, ModelVersion, Priority, Status
from diagnosis.services import heat_maps, queue, workers
from diagnosis.services.heat_maps import claim_heat_map, keep_heat_map, order_heat_map
from tests.api_client import API, assert_problem, client
from tests.checkpoints import registered
from tests.factories import (
    DiagnosisRequestFactory,
    HeatMapFactory,
    ImageFactory,
    administrator,
    doctor,
    jpeg_bytes,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    made = Reader()
    yield made
    made.decoders.shutdown()


@pytest.fixture
def model(tmp_path: Path) -> ModelVersion:
    return registered(tmp_path / "checkpoint")


@pytest.fixture
def answered(reader: Reader, model: ModelVersion) -> DiagnosisRequest:
    """A reading by a model that can be loaded."""
    request = DiagnosisRequestFactory(model_version=model)
    reader.drain(seconds=60)
    request.refresh_from_db()
    assert request.status == Status.SUCCEEDED
    return request


def picture_of(found: HeatMap) -> PillowImage.Image:
    found.refresh_from_db()
    return PillowImage.open(io.BytesIO(heat_maps.read_heat_map(found)))


def files(media: Path) -> list[Path]:
    return [path for path in (media / "heatmaps").rglob("*") if path.is_file()]


# The worker ---------------------------------------------------------------------------------------


def test_a_map_is_drawn_once(reader: Reader, answered: DiagnosisRequest, media: Path) -> None:
    found = order_heat_map(answered)
    assert found.waits
    assert order_heat_map(answered) == found
    assert reader.drain(seconds=60) is False
    picture = picture_of(found)
    assert (picture.mode, picture.size) == ("RGBA", (320, 240))
    # the margins that preprocessing cuts off were never seen
    clearness = np.asarray(picture.getchannel("A"))
    assert clearness[:, :40].max() == 0
    assert clearness.max() > 150
    assert (found.attempts, found.waits, found.lease_expires_at) == (1, False, None)
    reader.drain(seconds=60)
    assert len(files(media)) == 1


def test_readings_order_no_map(answered: DiagnosisRequest) -> None:
    assert not HeatMap.objects.exists()


def test_a_large_picture_has_a_small_map() -> None:
    assert fitted((4000, 3000)) == (SIDE, SIDE * 3 // 4)
    assert fitted((600, 450)) == (600, 450)
    assert fitted((50_000, 10)) == (SIDE, 1)


def test_a_doctor_s_reading_goes_first_and_bulk_does_not(model: ModelVersion) -> None:
    first = HeatMapFactory()
    waiting = DiagnosisRequestFactory(model_version=model, priority=Priority.INTERACTIVE)
    assert claim_heat_map() is None
    # a reading whose model cannot be loaded keeps nobody waiting
    assert claim_heat_map(without={model.pk}) == first
    HeatMap.objects.update(lease_expires_at=None)
    DiagnosisRequest.objects.filter(pk=waiting.pk).update(priority=Priority.BULK)
    assert claim_heat_map() == first


def test_maps_are_drawn_between_batches_of_bulk(
    reader: Reader, answered: DiagnosisRequest, settings
) -> None:
    settings.NEVUS_BATCH_SIZE = 1
    order_heat_map(answered)
    model = answered.model_version
    bulk = [DiagnosisRequestFactory(model_version=model, priority=Priority.BULK) for _ in range(4)]
    real, left = drawing.draw, []

    def draw(*arguments):
        left.append(DiagnosisRequest.objects.filter(status=Status.QUEUED).count())
        return real(*arguments)

    with mock.patch.object(drawing, "draw", draw):
        reader.drain(seconds=60)
    assert len(left) == 1
    assert left[0] > 0, "the map waited for the whole of the bulk"
    assert {r.status for r in DiagnosisRequest.objects.all()} == {Status.SUCCEEDED}
    assert len(bulk) == 4


def test_a_worker_that_reads_bulk_draws_nothing(settings) -> None:
    HeatMapFactory()
    settings.NEVUS_CLAIM = "bulk"
    assert claim_heat_map() is None


def test_a_map_that_is_drawn_twice_is_kept_once(media: Path) -> None:
    found = HeatMapFactory()
    assert keep_heat_map(found, b"one") is True
    assert keep_heat_map(found, b"two") is False
    assert [path.read_bytes() for path in files(media)] == [b"one"]


def test_a_lost_worker_s_map_is_drawn_by_another(reader: Reader) -> None:
    found = HeatMapFactory()
    past = timezone.now() - datetime.timedelta(seconds=1)
    for attempt in (1, 2, 3):
        claimed = claim_heat_map()
        assert claimed is not None
        assert claimed.attempts == attempt
        assert claim_heat_map() is None, "it is owned"
        HeatMap.objects.update(lease_expires_at=past)
    assert claim_heat_map() is None
    found.refresh_from_db()
    assert (found.failure_code, found.waits) == ("worker_lost", False)


def test_a_lost_bell_is_rung_again() -> None:
    with (
        mock.patch.object(queue, "ring_bell") as ring,
        mock.patch.object(queue.transaction, "on_commit", lambda call: call()),
    ):
        queue.sweep()
        assert ring.call_count == 0
        HeatMapFactory()
        queue.sweep()
    assert ring.call_count == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [(RuntimeError("poison"), "prediction_error"), (OSError("no picture"), "image_unreadable")],
)
def test_what_cannot_be_drawn_fails_alone(
    reader: Reader, answered: DiagnosisRequest, error: Exception, code: str
) -> None:
    found = order_heat_map(answered)
    with mock.patch.object(drawing, "explain", side_effect=error):
        for _ in range(queue.MAXIMUM_ATTEMPTS):
            reader.drain(seconds=60)
            HeatMap.objects.update(lease_expires_at=None)
    found.refresh_from_db()
    assert found.failure_code == code
    assert found.attempts == (1 if code == "image_unreadable" else 3)
    answered.refresh_from_db()
    assert answered.status == Status.SUCCEEDED


def test_an_altered_picture_or_a_model_that_is_gone_has_no_map(
    reader: Reader, answered: DiagnosisRequest, media: Path
) -> None:
    other = HeatMapFactory(request__model_version__folder="nowhere")
    path = media / answered.image.file.name
    path.write_bytes(path.read_bytes() + b"x")
    found = order_heat_map(answered)
    for _ in range(queue.MAXIMUM_ATTEMPTS):
        reader.drain(seconds=60)
        HeatMap.objects.update(lease_expires_at=None)
    codes = {row.pk: row.failure_code for row in HeatMap.objects.all()}
    assert codes == {found.pk: "image_altered", other.pk: "model_unavailable"}


# The API ------------------------------------------------------------------------------------------


def ask(row: DiagnosisRequest, **headers: str):
    user = doctor(row.hospital)
    return client(user, Scope.READ).get(f"{API}/diagnoses/{row.pk}/heatmap/", headers=headers)


def test_the_first_call_orders_and_later_ones_get_the_map(
    reader: Reader, answered: DiagnosisRequest
) -> None:
    response = ask(answered)
    assert (response.status_code, response.json()) == (202, {"status": "queued"})
    assert int(response["Retry-After"]) > 0
    assert not AuditEvent.objects.filter(action="view_heat_map").exists()
    reader.drain(seconds=60)
    response = ask(answered)
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    assert "private" in response["Cache-Control"]
    with PillowImage.open(io.BytesIO(response.content)) as picture:
        assert picture.size == (answered.image.width, answered.image.height)
    event = AuditEvent.objects.get(action="view_heat_map")
    assert (event.object_id, event.hospital_id) == (str(answered.pk), answered.hospital_id)
    assert ask(answered, **{"If-None-Match": response["ETag"]}).status_code == 304


def test_the_map_of_a_large_picture_has_its_size() -> None:
    image = ImageFactory(content=jpeg_bytes((1400, 1000), seed=1))
    row = DiagnosisRequestFactory(image=image, succeeded=True)
    found = HeatMapFactory(request=row)
    small = PillowImage.new("RGBA", fitted((1400, 1000)), (240, 228, 66, 100))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    keep_heat_map(found, buffer.getvalue())
    with PillowImage.open(io.BytesIO(ask(row).content)) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (1400, 1000))


@pytest.mark.parametrize("state", ["running", "failed", "rejected", "cancelled"])
def test_without_an_answer_there_is_no_map(state: str) -> None:
    row = DiagnosisRequestFactory(**{state: True})
    assert_problem(ask(row), 409, "no_answer")
    assert not HeatMap.objects.exists()


def test_a_map_that_failed_is_a_problem_in_words() -> None:
    found = HeatMapFactory(broken=True)
    assert (
        "could not be drawn" in assert_problem(ask(found.request), 409, "heat_map_failed")["detail"]
    )


def test_a_map_that_is_gone_from_the_storage_is_a_problem(media: Path) -> None:
    found = HeatMapFactory(drawn=True)
    (media / found.key).unlink()
    assert_problem(ask(found.request), 503, "image_missing")


# The page -----------------------------------------------------------------------------------------


@pytest.fixture
def page(answered: DiagnosisRequest) -> Client:
    signed_in = Client()
    signed_in.force_login(administrator(answered.hospital))
    return signed_in


def content_of(response) -> str:
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_says_that_it_is_drawn_then_offers_it(
    page: Client, reader: Reader, answered: DiagnosisRequest
) -> None:
    workers.beat(name="a", reads=True)
    shown = content_of(page.get(reverse("diagnosis", args=[answered.pk])))
    assert "Where the model looked is being drawn." in shown
    fragment = reverse("diagnosis-heat-map", args=[answered.pk])
    assert f'hx-get="{fragment}?seen=waits-0"' in shown
    assert page.get(fragment, {"seen": "waits-0"}).status_code == 204
    picture = reverse("diagnosis-heat-map-picture", args=[answered.pk])
    assert page.get(picture).status_code == 404
    reader.drain(seconds=60)
    shown = content_of(page.get(fragment, {"seen": "waits-0"}))
    assert f'data-heat-map="{picture}"' in shown
    assert "not that the answer is right" in shown
    assert "hx-get" not in shown
    assert page.get(picture)["Content-Type"] == "image/png"
    assert AuditEvent.objects.filter(action="view_heat_map").count() == 1


def test_without_a_worker_the_page_says_so(page: Client, answered: DiagnosisRequest) -> None:
    shown = content_of(page.get(reverse("diagnosis-heat-map", args=[answered.pk])))
    assert "as soon as a worker runs" in shown


def test_the_page_says_in_one_sentence_that_it_failed() -> None:
    row = HeatMapFactory(broken=True).request
    signed_in = Client()
    signed_in.force_login(doctor(row.hospital))
    shown = content_of(signed_in.get(reverse("diagnosis", args=[row.pk])))
    assert "Where the model looked could not be drawn. The answer stands without it." in shown
    assert "data-heat-map=" not in shown


@pytest.mark.parametrize("state", ["running", "failed", "rejected"])
def test_a_page_without_an_answer_orders_nothing(state: str) -> None:
    row = DiagnosisRequestFactory(**{state: True})
    signed_in = Client()
    signed_in.force_login(doctor(row.hospital))
    content_of(signed_in.get(reverse("diagnosis", args=[row.pk])))
    assert not HeatMap.objects.exists()
