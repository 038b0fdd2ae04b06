"""Learning rates over a run."""

import pytest

from ml.config import Schedule, Training
from ml.errors import TrainingError
from ml.schedules import out_of_patience, rate_share


def shares(schedule, epochs=12, warmup=0, per_epoch=10, scores=()):
    config = Training(epochs, warmup_epochs=warmup, schedule=schedule)
    return [rate_share(step, per_epoch, config, scores) for step in range(epochs * per_epoch)]


def test_cosine_rises_then_falls_to_zero():
    rates = shares(Schedule("cosine"), warmup=2)
    assert rates[19] == rates[20] == 1.0
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 1e-3


def test_constant_step_and_exponential():
    assert set(shares(Schedule("constant"))) == {1.0}
    steps = shares(Schedule("step", epochs=5, factor=0.1))
    assert [steps[i] for i in (0, 49, 50, 100)] == pytest.approx([1, 1, 0.1, 0.01])
    falling = shares(Schedule("exponential", factor=0.5))
    assert [falling[i] for i in (9, 10, 25)] == pytest.approx([1, 0.5, 0.25])


def test_restarts_begin_at_the_peak_and_grow():
    rates = shares(Schedule("restarts", epochs=4, growth=2.0))
    peaks = [step for step, rate in enumerate(rates) if rate == 1.0]
    assert peaks == [0, 40]  # the second cycle lasts eight epochs
    assert rates[39] < 0.01
    assert rates[80] == pytest.approx(0.5)


def test_plateau_falls_after_epochs_without_gain():
    schedule = Schedule("plateau", epochs=2, factor=0.1)

    def share(scores):
        return rate_share(0, 10, Training(9, warmup_epochs=0, schedule=schedule), scores)

    assert share([0.5, 0.6, 0.6]) == 1.0
    assert share([0.5, 0.6, 0.6, 0.4]) == pytest.approx(0.1)
    assert share([0.5, 0.6, 0.6, 0.4, 0.7]) == pytest.approx(0.1)
    assert share([0.5, 0.4, 0.4, 0.4, 0.4]) == pytest.approx(0.01)


def test_the_floor_holds():
    assert min(shares(Schedule("cosine", floor=0.05))) == 0.05


def test_an_unknown_schedule_is_named():
    with pytest.raises(TrainingError, match=r"'linear'.*cosine"):
        shares(Schedule("linear"))


def test_patience():
    assert not out_of_patience([0.5, 0.4, 0.4], 0)
    assert not out_of_patience([0.5, 0.4], 2)
    assert out_of_patience([0.5, 0.4, 0.5], 2)
    assert not out_of_patience([0.5, 0.4, 0.6], 2)


@pytest.mark.parametrize("name", ["restarts", "step", "plateau"])
@pytest.mark.parametrize("wrong", [{"growth": 0.5}, {"growth": float("nan")}, {"epochs": 0}])
def test_a_schedule_that_would_not_end_is_refused(name, wrong):
    with pytest.raises(TrainingError, match="'epochs' of 1 or more and a 'growth' of 1 or more"):
        shares(Schedule(name, **({"epochs": 4} | wrong)))
