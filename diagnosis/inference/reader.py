"""Where a worker meets the model: the only module that imports all of ml.

One ``Reader`` lives in a worker process. It owns claimed rows through leases and takes them in
lanes: while the model works on the batch of one, another claims, decodes or writes.
"""

import functools
import io
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connection
from PIL import Image as PillowImage

from clinic import origin
from diagnosis import pulse
from diagnosis.drawing import draw_next
from diagnosis.lanes import Lanes
from diagnosis.metrics import timing
from diagnosis.models import DiagnosisRequest, ModelVersion
from diagnosis.services import queue
from diagnosis.services.features import features_of_others, pack
from diagnosis.services.queue import Answer, Claim, Run
from diagnosis.stored import UnreadableImageError, fetch_checked
from ml.errors import CheckpointError
from ml.manifest import Manifest, read_manifest
from ml.patients import MOST, Others
from ml.predictor import Answer as Reading
from ml.predictor import Predictor
from ml.refusal import NOT_A_LESION, verdict
from ml.taxonomy import BY_CODE, malignancy_probability

logger = logging.getLogger(__name__)

# a hospital that changes its model, or two hospitals with different ones: both stay loaded
LOADED_MODELS = 2


@dataclass(frozen=True)
class Prepared:
    """A claim whose pictures are being decoded."""

    claim: Claim
    predictor: Predictor
    tensors: dict[uuid.UUID, Future]  # request to a future of (3, H, W)


class Reader:
    """Reads what is queued until nothing waits. One thread drains; another may load models."""

    def __init__(self) -> None:
        self.loading = threading.Lock()
        self.predictors: OrderedDict[uuid.UUID, Predictor] = OrderedDict()
        self.cores = torch.get_num_threads()
        # a decoder that asked for more threads for its small sums would disturb the model's
        self.decoders = ThreadPoolExecutor(
            settings.NEVUS_DECODE_THREADS, "decode", torch.set_num_threads, (1,)
        )
        self.leases: set[uuid.UUID] = set()
        self.unloadable: set[uuid.UUID] = set()
        self.failed: set[uuid.UUID] = set()
        self.lanes: Lanes
        self.stopping = threading.Event()
        self.idle = threading.Event()
        self.idle.set()

    def stop(self, *, seconds: float) -> bool:
        """Claim nothing more; whether the batch under way was finished in time.

        Where it was not, its rows are given back, and what is still read of them is not written.
        """
        self.stopping.set()
        if self.idle.wait(seconds):
            return True
        count = queue.release(set(self.leases))
        logger.warning("the batch took too long to wait for: %d requests were given back", count)
        return False

    def drain(self, *, seconds: float) -> bool:
        """Answer queued requests for about that long; whether something may still wait.

        The rows of a model that cannot be loaded go back to the queue until the next bell; those
        of other models are read meanwhile. What failed and may be tried again waits for the next
        bell too: a storage that is away for a moment gets time to come back. After ``stop`` what
        is under way is finished, and nothing more is claimed. Heat maps are drawn where no doctor
        waits for a reading: one after each batch of bulk, the rest at the end.
        """
        deadline = time.monotonic() + seconds
        self.unloadable.clear()
        self.failed.clear()
        with self._busy(), self._renewing_leases():
            try:
                return self._drain(deadline)
            except (InterfaceError, OperationalError) as error:
                if not connection_was_lost(error):
                    raise
                logger.warning("the database went away", exc_info=True)
                return self._give_back()

    def _drain(self, deadline: float) -> bool:
        with Lanes(lambda: self._read(deadline), most=settings.NEVUS_LANES) as self.lanes:
            left = self._read(deadline, leads=True)
            left = self.lanes.join() or left
        while not left and time.monotonic() < deadline and self._draw():
            pass
        return left or self.stopping.is_set()

    def _read(self, deadline: float, *, leads: bool = False) -> bool:
        """One lane: batch after batch; whether something may still wait.

        The lane that leads opens the others where a full batch says that more waits, and draws.
        """
        while not self.stopping.is_set():
            prepared = self._prepare_next()
            if prepared is None:
                return False
            if leads and len(prepared.tensors) == settings.NEVUS_BATCH_SIZE:
                self.lanes.open_all()
            self._answer(prepared)
            if time.monotonic() > deadline:
                return True
            if leads and prepared.claim.is_bulk:
                self._draw()
        return True

    def _give_back(self) -> bool:
        """Give the claimed rows back as soon as the database answers again; whether it did.

        While it stays away longer than a lease, the rows come free by themselves.
        """
        deadline = time.monotonic() + settings.NEVUS_LEASE_SECONDS
        while time.monotonic() < deadline:
            connection.close()
            try:
                queue.release(set(self.leases))
            except (InterfaceError, OperationalError):
                time.sleep(0.5)
            else:
                return True
        return False

    def predictor(self, model: ModelVersion) -> Predictor:
        """The loaded model; loads it at first use and forgets the one used longest ago."""
        with self.loading:
            if model.pk not in self.predictors:
                while len(self.predictors) >= LOADED_MODELS:
                    self.predictors.popitem(last=False)
                started = time.monotonic()
                self.predictors[model.pk] = load_predictor(model)
                logger.info("loaded %s in %.1f s", model, time.monotonic() - started)
            self.predictors.move_to_end(model.pk)
            return self.predictors[model.pk]

    def _prepare_next(self) -> Prepared | None:
        """Claim the next batch whose model can be loaded and start to decode it."""
        limit = settings.NEVUS_BATCH_SIZE
        while claim := queue.claim_batch(limit=limit, without=self.unloadable, but=self.failed):
            self.leases.add(claim.lease)
            try:
                return self._prepare(claim, self.predictor(claim.model_version))
            except CheckpointError as error:
                logger.error("%s could not be loaded: %s", claim.model_version, error)
                self.unloadable.add(claim.model_version.pk)
                self._give_up(claim, "model_unavailable")
        return None

    def _prepare(self, claim: Claim, predictor: Predictor) -> Prepared:
        tensors = {
            request.pk: self.decoders.submit(prepare_for, request, predictor)
            for request in claim.requests
        }
        return Prepared(claim, predictor, tensors)

    def _give_up(self, claim: Claim, code: str) -> None:
        answers = [Answer(request.pk, failure=code) for request in claim.requests]
        queue.write_answers(claim=claim, answers=answers, run=Run("", 0, 0.0))
        self.leases.discard(claim.lease)

    def _answer(self, prepared: Prepared) -> None:
        tensors, answers = collect(prepared.tensors)
        self._take_cores()
        started = time.monotonic()
        with pulse.working(), timing("forward"):
            answers += predict(prepared.predictor, tensors, prepared.claim)
        run = Run(
            device=str(prepared.predictor.device),
            batch_size=len(prepared.tensors),
            seconds=time.monotonic() - started,
        )
        self.failed.update(a.request_id for a in answers if a.failure and not a.final)
        queue.write_answers(claim=prepared.claim, answers=answers, run=run)
        self.leases.discard(prepared.claim.lease)

    def _draw(self) -> bool:
        """One heat map, where one waits and may be drawn."""
        if self.stopping.is_set():
            return False
        self._take_cores()
        return draw_next(self.predictor, without=self.unloadable)

    def _take_cores(self) -> None:
        """The lanes that work share the cores; PyTorch counts the threads of each caller apart."""
        torch.set_num_threads(max(1, self.cores // self.lanes.at_work))

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self.idle.clear()
        try:
            yield
        finally:
            self.idle.set()

    @contextmanager
    def _renewing_leases(self) -> Iterator[None]:
        """A thread renews the leases, so that they can be short however long a batch takes."""
        done = threading.Event()
        keeper = threading.Thread(target=self._renew, args=(done,), name="leases", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()
            self.leases.clear()

    def _renew(self, done: threading.Event) -> None:
        try:
            while not done.wait(settings.NEVUS_LEASE_SECONDS / 3):
                try:
                    queue.renew_lease(set(self.leases))
                # the database may be gone for a moment: the rows are read again if it stays away
                except Exception:
                    logger.exception("the leases could not be renewed")
                    connection.close()
        finally:
            connection.close()


def connection_was_lost(error: Exception) -> bool:
    """Whether the database went away, not whether it refused a statement.

    PostgreSQL's errors of that kind have no SQLSTATE, or one of class 08 (connection) or 57
    (operator intervention). SQLite's have none at all: its file does not go away.
    """
    cause = error.__cause__
    if cause is None or not hasattr(cause, "pgcode"):
        return False
    return cause.pgcode is None or cause.pgcode[:2] in ("08", "57")


def load_predictor(model: ModelVersion) -> Predictor:
    """Load a registered checkpoint. Raises CheckpointError where it is missing or altered."""
    predictor = Predictor(model.path, device=settings.NEVUS_DEVICE or None)
    if predictor.manifest.sha256 != model.sha256:
        raise CheckpointError(f"The checkpoint of {model} is not the one that was registered.")
    return predictor


def read_checkpoint(folder: Path) -> tuple[dict, str]:
    """Manifest and model card of a checkpoint that loads and answers, for its registration.

    Raises CheckpointError: the weights are really loaded once.
    """
    predictor = Predictor(folder, device="cpu")
    read_blank(predictor)
    card = folder / "MODEL_CARD.md"
    return read_manifest(folder).raw, card.read_text() if card.exists() else ""


def read_blank(predictor: Predictor) -> None:
    """Ask once: whether it answers, and what libraries prepare at a first reading."""
    predictor.predict(predictor.prepare(PillowImage.new("RGB", (64, 64), "grey"))[None])


def prepare_for(request: DiagnosisRequest, predictor: Predictor) -> torch.Tensor:
    """The picture of one request: (3, H, W). Its log lines belong to the call that ordered it."""
    with origin.following(request.trace_id), timing("decode"):
        return prepare(predictor, str(request.image.file), request.image.sha256)


def prepare(predictor: Predictor, name: str, sha256: str) -> torch.Tensor:
    """Open, verify and decode one stored picture: (3, H, W). Runs in a thread, asks no database."""
    content = fetch_checked(name, sha256)
    try:
        with PillowImage.open(io.BytesIO(content)) as image:
            return predictor.prepare(image)
    except (OSError, ValueError) as error:
        raise UnreadableImageError("image_unreadable", final=True) from error


def collect(
    futures: dict[uuid.UUID, Future],
) -> tuple[dict[uuid.UUID, torch.Tensor], list[Answer]]:
    """Wait for the decoders: what was decoded, and an answer for each that was not."""
    tensors, failures = {}, []
    for key, future in futures.items():
        try:
            tensors[key] = future.result()
        except UnreadableImageError as error:
            failures.append(Answer(key, failure=error.code, final=error.final))
        # anything else is a fault of ours: log it and try again
        except Exception:
            logger.exception("request %s could not be prepared", key)
            failures.append(Answer(key, failure="image_unreadable"))
    return tensors, failures


def predict(
    predictor: Predictor, tensors: dict[uuid.UUID, torch.Tensor], claim: Claim
) -> list[Answer]:
    """One answer an image. Where the batch fails, each image is tried alone."""
    if not tensors:
        return []
    others = others_of(predictor, list(tensors), claim)
    try:
        answer = predictor.read(torch.stack(list(tensors.values())), others)
    except Exception as error:
        release_memory()
        if len(tensors) == 1:
            (key,) = tensors
            logger.exception("request %s could not be read", key)
            return [Answer(key, failure="prediction_error")]
        logger.warning("a batch failed (%s); its images are read alone", type(error).__name__)
        return [
            answer for item in tensors.items() for answer in predict(predictor, dict([item]), claim)
        ]
    counts = [None] * len(tensors) if others is None else others.counts()
    return [
        answer_of(key, answer, place, predictor.manifest, counts[place])
        for place, key in enumerate(tensors)
    ]


def others_of(predictor: Predictor, keys: list[uuid.UUID], claim: Claim) -> Others | None:
    """The patients' other images beside these requests', for a model that looks at them."""
    if not predictor.sees_patient:
        return None
    rows = {row.pk: row for row in claim.requests}
    images = [rows[key].image for key in keys]
    kept, mates = features_of_others(claim.model_version, images, most=MOST)
    return Others.of_rows(kept, mates, predictor.width)


def answer_of(
    key: uuid.UUID, found: Reading, place: int, manifest: Manifest, others: int | None
) -> Answer:
    """The answer for one place of a batch, or a refusal to give one."""
    outlier = None if found.outlier_scores is None else float(found.outlier_scores[place])
    if verdict(outlier, manifest.refusal) == NOT_A_LESION:
        return Answer(key, failure=NOT_A_LESION, final=True)
    labels = [BY_CODE[code].label for code in manifest.classes]
    row = found.probabilities[place]  # (K,)
    probabilities = dict(zip(labels, (float(value) for value in row), strict=True))
    return Answer(
        key,
        probabilities,
        malignancy_probability(probabilities),
        outlier_score=outlier,
        edge_share=None if found.edge_shares is None else float(found.edge_shares[place]),
        features=pack(found.features[place]),
        others_used=others,
    )


def release_memory() -> None:
    """After an out-of-memory the cached blocks would stay held until the restart."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def require_device() -> None:
    """Raises ImproperlyConfigured where NEVUS_DEVICE names a GPU and this machine has none."""
    name = settings.NEVUS_DEVICE
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ImproperlyConfigured(
            f"NEVUS_DEVICE is {name}, but no GPU can be used here: give the worker one (a driver, "
            "--gpus all, nvidia.com/gpu) and the CUDA image, or set NEVUS_DEVICE=cpu."
        )


def describe_device() -> str:
    """The device that reads here, for the list of workers."""
    if settings.NEVUS_DEVICE.startswith("cuda") or (
        not settings.NEVUS_DEVICE and torch.cuda.is_available()
    ):
        return torch.cuda.get_device_name()
    return settings.NEVUS_DEVICE or "cpu"


def warm_up(reader: Reader, models: list[ModelVersion]) -> str:
    """Load the active models before the first request; what could not be loaded, in a sentence."""
    problem = ""
    for model in models[:LOADED_MODELS]:
        try:
            predictor = reader.predictor(model)
        except CheckpointError as error:
            logger.error("%s could not be loaded: %s", model, error)
            problem = str(error)
        else:
            read_blank(predictor)
    return problem


@functools.cache
def get_reader() -> Reader:
    """The reader of this process."""
    return Reader()
