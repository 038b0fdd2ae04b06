"""The reader: every request gets one answer, whatever its neighbours, files and models do."""

import datetime
import hashlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from django.utils import timezone
from PIL import Image as PillowImage

from clinic.models import Lesion
from diagnosis.api.shapes import prediction_of
from diagnosis.inference import LOADED_MODELS, Reader, describe_device, get_reader, warm_up
from diagnosis.inference import reader as reading
from diagnosis.inference.loading import load_predictor
from diagnosis.models import DiagnosisRequest, ModelVersion, Prediction, Status
from diagnosis.services import queue
from ml.errors import CheckpointError
from ml.patients import Others
from ml.predictor import Answer, Predictor
from tests.checkpoints import registered, write_checkpoint
from tests.factories import DiagnosisRequestFactory, ImageFactory, LesionFactory, png_bytes
from tests.threads import needs_postgresql

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.decoders.shutdown()


@pytest.fixture
def model(tmp_path: Path) -> ModelVersion:
    return registered(tmp_path / "checkpoint")


@pytest.fixture
def lesion(db) -> Lesion:
    return LesionFactory()


def ask(lesion: Lesion, model: ModelVersion, count: int = 1, **image) -> list[DiagnosisRequest]:
    """So many queued requests, the first of them first in the queue."""
    start = timezone.now() - datetime.timedelta(hours=1)
    waiting = DiagnosisRequest.objects.count()
    return [
        DiagnosisRequestFactory(
            image=ImageFactory(lesion=lesion, **image),
            model_version=model,
            created_at=start + datetime.timedelta(seconds=waiting + place),
        )
        for place in range(count)
    ]


def states(requests: list[DiagnosisRequest]) -> list[tuple[str, int, str]]:
    for request in requests:
        request.refresh_from_db()
    return [(request.status, request.attempts, request.failure_code) for request in requests]


def drain_often(reader: Reader) -> None:
    """As many bells as it takes to use up all attempts."""
    for _ in range(queue.MAXIMUM_ATTEMPTS):
        assert reader.drain(seconds=60) is False


READ = (Status.SUCCEEDED, 1, "")


def test_everything_that_waits_is_read(
    reader: Reader, lesion: Lesion, model: ModelVersion, settings
) -> None:
    settings.NEVUS_BATCH_SIZE = 3
    requests = ask(lesion, model, 8)
    assert reader.drain(seconds=60) is False
    assert states(requests) == [READ] * 8
    assert Prediction.objects.count() == 8
    sizes = [request.prediction.batch_size for request in requests]
    assert sizes == [3, 3, 3, 3, 3, 3, 2, 2]
    assert {request.prediction.device for request in requests} == {"cpu"}
    assert reader.leases.held == set()
    assert reader.drain(seconds=60) is False


def test_the_answer_is_the_model_s(reader: Reader, lesion: Lesion, model: ModelVersion) -> None:
    (request,) = ask(lesion, model)
    reader.drain(seconds=60)
    request.refresh_from_db()
    predictor = Predictor(model.path, device="cpu")
    with request.image.file.open() as file, PillowImage.open(io.BytesIO(file.read())) as image:
        expected = predictor.predict(predictor.prepare(image)[None])[0]
    prediction = request.prediction
    found = [prediction.probabilities[label] for label in model.labels]
    assert found == pytest.approx(expected.tolist(), abs=1e-6)
    best = model.labels[int(np.argmax(expected))]
    assert (prediction.label, prediction.probability) == (best, max(found))
    malignant = {"melanoma", "basal_cell_carcinoma", "actinic_keratosis"}
    risk = sum(prediction.probabilities[label] for label in malignant)
    assert prediction.malignancy_probability == pytest.approx(risk)


def test_a_bell_is_answered_for_a_limited_time(
    reader: Reader, lesion: Lesion, model: ModelVersion, settings
) -> None:
    settings.NEVUS_BATCH_SIZE = 2
    requests = ask(lesion, model, 6)
    assert reader.drain(seconds=0) is True
    assert states(requests) == [READ] * 2 + [(Status.QUEUED, 0, "")] * 4
    assert reader.drain(seconds=60) is False
    assert states(requests) == [READ] * 6


# Files --------------------------------------------------------------------------------------------


def test_an_altered_picture_is_not_read(
    reader: Reader, lesion: Lesion, model: ModelVersion, media: Path
) -> None:
    requests = ask(lesion, model, 3)
    path = media / requests[1].image.file.name
    path.write_bytes(path.read_bytes() + b"x")
    reader.drain(seconds=60)
    assert states(requests) == [READ, (Status.FAILED, 1, "image_altered"), READ]


def test_a_missing_picture_is_looked_for_again(
    reader: Reader, lesion: Lesion, model: ModelVersion, media: Path, settings
) -> None:
    requests = ask(lesion, model, 3)
    path = media / requests[1].image.file.name
    away = path.rename(path.with_suffix(".away"))
    reader.drain(seconds=0)
    assert states(requests) == [READ, (Status.QUEUED, 1, ""), READ]
    away.rename(path)
    reader.drain(seconds=60)
    assert states(requests)[1] == (Status.SUCCEEDED, 2, "")


def test_a_picture_that_stays_away_fails(
    reader: Reader, lesion: Lesion, model: ModelVersion, media: Path
) -> None:
    requests = ask(lesion, model, 3)
    (media / requests[0].image.file.name).unlink()
    drain_often(reader)
    assert states(requests) == [(Status.FAILED, 3, "image_missing"), READ, READ]


def test_a_file_that_no_decoder_takes_fails_at_once(
    reader: Reader, lesion: Lesion, model: ModelVersion, media: Path
) -> None:
    requests = ask(lesion, model, 2)
    content = b"\xff\xd8\xff no picture"
    image = requests[0].image
    (media / image.file.name).write_bytes(content)
    image.sha256 = hashlib.sha256(content).hexdigest()
    image.save()
    reader.drain(seconds=60)
    assert states(requests) == [(Status.FAILED, 1, "image_unreadable"), READ]


# Poison -------------------------------------------------------------------------------------------

WHITE = PillowImage.new("RGB", (300, 300), "white")


def white() -> bytes:
    buffer = io.BytesIO()
    WHITE.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_that_breaks_the_preparation_harms_no_neighbour(
    reader: Reader, lesion: Lesion, model: ModelVersion
) -> None:
    before = ask(lesion, model, 2)
    poison = ask(lesion, model, content=white(), name="a.png")
    after = ask(lesion, model, 2)
    real = Predictor.prepare

    def prepare(self: Predictor, image: PillowImage.Image) -> torch.Tensor:
        if image.size == WHITE.size:
            raise MemoryError("poison")
        return real(self, image)

    with mock.patch.object(Predictor, "prepare", prepare):
        drain_often(reader)
    assert states(before + after) == [READ] * 4
    assert states(poison) == [(Status.FAILED, 3, "image_unreadable")]


def test_a_picture_that_breaks_the_model_harms_no_neighbour(
    reader: Reader, lesion: Lesion, model: ModelVersion
) -> None:
    before = ask(lesion, model, 2)
    poison = ask(lesion, model, content=white(), name="a.png")
    after = ask(lesion, model, 2)
    real = Predictor.read
    sizes = []

    def read(self: Predictor, batch: torch.Tensor, others: Others | None) -> Answer:
        sizes.append(len(batch))
        if any(bool((image == image.max()).all()) for image in batch):
            raise RuntimeError("poison")
        return real(self, batch, others)

    with mock.patch.object(Predictor, "read", read):
        drain_often(reader)
    assert states(before + after) == [READ] * 4
    assert states(poison) == [(Status.FAILED, 3, "prediction_error")]
    # the batch, its images alone, and twice more what failed alone
    assert sizes == [5, *[1] * 5, 1, 1]


def test_a_batch_that_is_too_large_is_read_one_by_one(
    reader: Reader, lesion: Lesion, model: ModelVersion
) -> None:
    requests = ask(lesion, model, 4)
    real = Predictor.read

    def read(self: Predictor, batch: torch.Tensor, others: Others | None) -> Answer:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("too large")
        return real(self, batch, others)

    with mock.patch.object(Predictor, "read", read):
        reader.drain(seconds=60)
    assert states(requests) == [READ] * 4


# Models -------------------------------------------------------------------------------------------


def test_a_model_that_cannot_be_loaded_leaves_the_others_alone(
    reader: Reader, lesion: Lesion, model: ModelVersion, tmp_path: Path
) -> None:
    broken = registered(tmp_path / "broken", version="2", seed=2)
    (broken.path / "model.safetensors").unlink()
    waiting = ask(lesion, broken, 3)
    others = ask(lesion, model, 3)
    assert reader.drain(seconds=60) is False
    assert states(waiting) == [(Status.QUEUED, 1, "")] * 3
    assert states(others) == [READ] * 3
    assert reader.leases.held == set()
    write_checkpoint(broken.path, version="2", seed=2)
    reader.drain(seconds=60)
    assert states(waiting) == [(Status.SUCCEEDED, 2, "")] * 3


def test_a_model_that_stays_away_fails_its_requests(
    reader: Reader, lesion: Lesion, model: ModelVersion
) -> None:
    (model.path / "manifest.json").unlink()
    (request,) = ask(lesion, model)
    drain_often(reader)
    assert states([request]) == [(Status.FAILED, 3, "model_unavailable")]


def test_a_checkpoint_that_was_exchanged_is_not_used(model: ModelVersion) -> None:
    write_checkpoint(model.path, seed=99)
    with pytest.raises(CheckpointError, match="not the one that was registered"):
        load_predictor(model)


def test_models_take_turns_and_only_some_stay_loaded(
    reader: Reader, lesion: Lesion, tmp_path: Path
) -> None:
    models = [registered(tmp_path / str(n), version=str(n), seed=n) for n in range(3)]
    requests = [ask(lesion, models[n])[0] for n in (0, 1, 0, 1, 2, 0, 2)]
    with mock.patch.object(reading, "load_predictor", wraps=load_predictor) as load:
        reader.drain(seconds=60)
        assert len(reader.predictors) == LOADED_MODELS == 2
        # two that are loaded cost nothing more
        loads = load.call_count
        again = [ask(lesion, models[n])[0] for n in (2, 0, 2, 0)]
        reader.drain(seconds=60)
    assert states(requests + again) == [READ] * 11
    assert load.call_count in (loads, loads + 1)
    answers = {str(request.prediction.probabilities) for request in requests}
    assert len(answers) == len(requests)


def test_a_model_is_loaded_once(reader: Reader, lesion: Lesion, model: ModelVersion) -> None:
    with mock.patch.object(reading, "load_predictor", wraps=load_predictor) as load:
        for _ in range(3):
            ask(lesion, model, 2)
            reader.drain(seconds=60)
    assert load.call_count == 1


def test_rows_are_free_for_others_while_the_model_is_loaded(
    reader: Reader, lesion: Lesion, model: ModelVersion
) -> None:
    waiting = ask(lesion, model, 2)
    meanwhile = []

    def load(model: ModelVersion) -> Predictor:
        meanwhile.append(states(waiting))
        return load_predictor(model)

    with mock.patch.object(reading, "load_predictor", load):
        reader.drain(seconds=60)
    assert meanwhile == [[(Status.QUEUED, 0, "")] * 2]
    assert states(waiting) == [READ] * 2


def test_warming_up_loads_the_models_or_says_why_not(
    reader: Reader, model: ModelVersion, tmp_path: Path
) -> None:
    assert warm_up(reader, [model]) == ""
    assert list(reader.predictors) == [model.pk]
    broken = registered(tmp_path / "broken", version="2")
    (broken.path / "manifest.json").unlink()
    assert "manifest.json" in warm_up(reader, [broken, model])


def test_the_device_is_named(settings) -> None:
    settings.NEVUS_DEVICE = "cpu"
    assert describe_device() == "cpu"
    assert get_reader() is get_reader()


# Leases -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_renewed_while_a_batch_takes_long(
    reader: Reader, settings, tmp_path: Path
) -> None:
    needs_postgresql()
    settings.NEVUS_LEASE_SECONDS = 0.6
    (request,) = ask(LesionFactory(), registered(tmp_path / "checkpoint"))
    real = Predictor.read
    swept = []

    def read(self: Predictor, batch: torch.Tensor, others: Others | None) -> Answer:
        for _ in range(6):
            time.sleep(0.25)
            swept.append(queue.sweep())
        return real(self, batch, others)

    with mock.patch.object(Predictor, "read", read):
        reader.drain(seconds=60)
    assert swept == [0] * 6
    assert states([request]) == [READ]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_lease_writes_nothing(
    reader: Reader, settings, tmp_path: Path
) -> None:
    """It was stopped for so long that another one was given the row."""
    needs_postgresql()
    settings.NEVUS_LEASE_SECONDS = 60
    (request,) = ask(LesionFactory(), registered(tmp_path / "checkpoint"))
    real = Predictor.read

    def read(self: Predictor, batch: torch.Tensor, others: Others | None) -> Answer:
        rows = DiagnosisRequest.objects.filter(pk=request.pk)
        if rows.get().attempts == 1:
            rows.update(lease_expires_at=timezone.now() - datetime.timedelta(seconds=1))
            assert queue.sweep() == 1
            assert queue.claim_batch(limit=1) is not None
        return real(self, batch, others)

    with mock.patch.object(Predictor, "read", read):
        reader.drain(seconds=60)
    assert states([request]) == [(Status.RUNNING, 2, "")]
    assert not Prediction.objects.exists()


def test_png_and_jpeg_are_read_alike(reader: Reader, lesion: Lesion, model: ModelVersion) -> None:
    requests = ask(lesion, model, content=png_bytes(seed=7), name="a.png")
    reader.drain(seconds=60)
    assert states(requests) == [READ]


def limited(model: ModelVersion, **limits: float) -> ModelVersion:
    """The model with limits of refusal, and a score of 1 for every picture."""
    file = Path(model.path) / "manifest.json"
    raw = json.loads(file.read_text()) | {"refusal": limits}
    file.write_text(json.dumps(raw))
    model.manifest = raw
    model.save()
    return model


@pytest.fixture
def distant() -> Iterator[None]:
    score = np.ones(1)
    familiar = mock.Mock(score_pictures=lambda features, chromas: np.repeat(score, len(features)))
    with (
        mock.patch("ml.predictor.Familiar.of_arrays", return_value=familiar),
        mock.patch("ml.predictor.load_statistics", return_value={"mean": score}),
    ):
        yield


@pytest.mark.usefixtures("distant")
def test_a_picture_that_is_no_lesion_is_rejected(
    reader: Reader, lesion: Lesion, model: ModelVersion
) -> None:
    requests = ask(lesion, limited(model, not_a_lesion=0.9, unfamiliar=0.5), 2)
    assert reader.drain(seconds=60) is False
    assert states(requests) == [(Status.REJECTED, 1, "not_a_lesion")] * 2
    assert Prediction.objects.count() == 0


@pytest.mark.usefixtures("distant")
def test_an_unfamiliar_picture_is_read_with_a_warning(
    reader: Reader, lesion: Lesion, model: ModelVersion
) -> None:
    requests = ask(lesion, limited(model, not_a_lesion=2.0, unfamiliar=0.5))
    reader.drain(seconds=60)
    assert states(requests) == [READ]
    shown = prediction_of(requests[0])
    assert shown is not None
    assert "unfamiliar" in [warning["code"] for warning in shown["warnings"]]
