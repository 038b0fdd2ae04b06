"""Reads what is queued: one ``Reader`` lives in a worker process.

It owns claimed rows through leases and takes them in lanes: while the model works on the batch of
one, another claims, decodes or writes.
"""

import functools
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from django.conf import settings
from django.db import InterfaceError, OperationalError

from diagnosis import pulse
from diagnosis.inference.answers import predict
from diagnosis.inference.drawing import draw_next
from diagnosis.inference.leases import Leases, connection_was_lost
from diagnosis.inference.loading import load_predictor, read_blank
from diagnosis.inference.pictures import collect, prepare_for
from diagnosis.lanes import Lanes
from diagnosis.metrics import timing
from diagnosis.models import ModelVersion
from diagnosis.services import queue
from diagnosis.services.queue import Answer, Claim, Run
from ml.errors import CheckpointError
from ml.predictor import Predictor

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
        self.leases = Leases()
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
        count = self.leases.release()
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
        with self._busy(), self.leases.renewed():
            try:
                return self._drain(deadline)
            except (InterfaceError, OperationalError) as error:
                if not connection_was_lost(error):
                    raise
                logger.warning("the database went away", exc_info=True)
                return self.leases.release_when_possible()

    def _drain(self, deadline: float) -> bool:
        self._load_next()
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

    def _load_next(self) -> None:
        """Load what is needed next while its rows are free for workers that have it loaded."""
        model = queue.next_model()
        if model is not None and not self.stopping.is_set():
            with suppress(CheckpointError):  # which is told where its rows are claimed
                self.predictor(model)

    def _prepare_next(self) -> Prepared | None:
        """Claim the next batch whose model can be loaded and start to decode it."""
        limit = settings.NEVUS_BATCH_SIZE
        while claim := queue.claim_batch(limit=limit, without=self.unloadable, but=self.failed):
            self.leases.held.add(claim.lease)
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
        self.leases.held.discard(claim.lease)

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
        self.leases.held.discard(prepared.claim.lease)

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
