"""A worker's lanes: two batches under way, each row read once, nothing left behind by an error."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import psycopg2
import pytest
import torch
from django.db import OperationalError

from diagnosis.inference import Reader
from diagnosis.lanes import Lanes
from diagnosis.models import DiagnosisRequest, Prediction, Priority, Status
from diagnosis.services import queue
from tests.checkpoints import registered
from tests.diagnosis.while_reading import READ, WAITS, states, while_it_computes
from tests.factories import DiagnosisRequestFactory, ImageFactory, LesionFactory
from tests.threads import needs_postgresql

SECONDS = 30


@pytest.fixture
def reader(settings) -> Iterator[Reader]:
    settings.NEVUS_LANES = 2
    settings.NEVUS_BATCH_SIZE = 2
    made = Reader()
    yield made
    made.decoders.shutdown()


@pytest.fixture
def order(transactional_db, tmp_path: Path) -> Callable[..., None]:
    needs_postgresql()
    model = registered(tmp_path / "checkpoint")

    def place(count: int, priority: Priority = Priority.INTERACTIVE) -> None:
        lesion = LesionFactory()
        for _ in range(count):
            image = ImageFactory(lesion=lesion)
            DiagnosisRequestFactory(image=image, model_version=model, priority=priority)

    return place


def test_two_batches_are_under_way_and_share_the_cores(
    reader: Reader, order: Callable[..., None]
) -> None:
    order(4)
    reader.cores = 4
    both, cores = threading.Barrier(2), []

    def meet() -> None:
        both.wait(SECONDS)
        cores.append(torch.get_num_threads())

    before = torch.get_num_threads()
    try:
        with while_it_computes(meet):
            assert reader.drain(seconds=SECONDS) is False
    finally:
        torch.set_num_threads(before)
    assert cores == [2, 2]
    assert states() == [READ] * 4
    assert Prediction.objects.count() == 4
    assert reader.leases.held == set()


def test_one_order_is_read_by_one_lane_on_all_cores(
    reader: Reader, order: Callable[..., None]
) -> None:
    order(1)
    cores = []
    with while_it_computes(lambda: cores.append(torch.get_num_threads())):
        assert reader.drain(seconds=SECONDS) is False
    assert reader.lanes.others == []
    assert cores == [reader.cores]


def test_a_worker_that_stops_finishes_what_both_lanes_have(
    reader: Reader, order: Callable[..., None]
) -> None:
    order(8)
    both = threading.Barrier(2, action=reader.stopping.set)
    with while_it_computes(lambda: both.wait(SECONDS)):
        assert reader.drain(seconds=SECONDS) is True
    assert sorted(states()) == sorted([READ] * 4 + [WAITS] * 4)
    assert reader.leases.held == set()


def test_what_a_lane_owned_comes_back_when_its_connection_breaks(
    reader: Reader, order: Callable[..., None]
) -> None:
    order(4)
    both, write = threading.Barrier(2), queue.write_answers

    def lose(**answers) -> int:
        if threading.current_thread().name.startswith("lane"):
            broken = psycopg2.OperationalError("server closed the connection unexpectedly")
            raise OperationalError(str(broken)) from broken
        return write(**answers)

    with (
        while_it_computes(lambda: both.wait(SECONDS)),
        mock.patch.object(queue, "write_answers", lose),
    ):
        assert reader.drain(seconds=SECONDS) is True
    assert sorted(states()) == sorted([READ] * 2 + [WAITS] * 2)
    assert reader.drain(seconds=SECONDS) is False
    assert states() == [READ] * 4


def test_an_error_of_a_lane_is_not_lost(reader: Reader, order: Callable[..., None]) -> None:
    order(4)
    both, write = threading.Barrier(2), queue.write_answers

    def fail(**answers) -> int:
        if threading.current_thread().name.startswith("lane"):
            raise AssertionError("a fault of ours")
        return write(**answers)

    with (
        while_it_computes(lambda: both.wait(SECONDS)),
        mock.patch.object(queue, "write_answers", fail),
        pytest.raises(AssertionError, match="a fault of ours"),
    ):
        reader.drain(seconds=SECONDS)
    assert sorted(states()) == sorted([READ] * 2 + [(Status.RUNNING, 1)] * 2)


def test_what_failed_waits_for_the_next_bell(
    reader: Reader, order: Callable[..., None], media: Path
) -> None:
    order(4)
    image = DiagnosisRequest.objects.earliest("created_at", "id").image
    (media / image.file.name).unlink()
    assert reader.drain(seconds=SECONDS) is False
    assert states() == [(Status.QUEUED, 1)] + [READ] * 3
    assert reader.drain(seconds=SECONDS) is False
    assert states() == [(Status.QUEUED, 2)] + [READ] * 3


@pytest.mark.django_db
def test_a_lane_that_found_nothing_is_opened_again() -> None:
    done, began = threading.Event(), []

    def work() -> bool:
        began.append(threading.current_thread())
        return done.wait(SECONDS) and len(began) > 2

    with Lanes(work, most=2) as lanes:
        lanes.open_all()
        lanes.open_all()
        assert lanes.at_work == 2
        done.set()
        assert lanes.join() is False
        assert lanes.at_work == 1
        lanes.open_all()
        lanes.open_all()
    assert lanes.join() is (len(began) > 2)
    assert len(began) == len(lanes.others) >= 2
    assert threading.current_thread() not in began


@pytest.mark.django_db
def test_one_lane_alone_opens_none() -> None:
    with Lanes(lambda: True, most=1) as lanes:
        lanes.open_all()
        assert lanes.at_work == 1
    assert lanes.join() is False
