"""Several models, one answer."""

import numpy as np
import pytest

from ml import ensembles
from ml.errors import DataError


@pytest.fixture
def members():
    """A good, a fair and a useless member: (3, N, 3), and the labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    skill = np.array([3.0, 1.0, 0.0])[:, None, None]
    logits = rng.normal(size=(3, 600, 3)) + skill * np.eye(3)[labels]
    powers = np.exp(logits)
    return powers / powers.sum(2, keepdims=True), labels


def test_eight_models_are_their_mean():
    each = np.random.default_rng(0).dirichlet(np.ones(8), (8, 5))
    assert np.allclose(ensembles.combiner("mean")(each), each.mean(0))


def test_a_majority_beats_a_sure_minority():
    each = np.array([[[0.51, 0.49, 0]], [[0.51, 0.49, 0]], [[0.0, 1.0, 0]]])
    assert ensembles.majority(each).argmax(1) == [0]
    assert ensembles.majority(each[1:]).argmax(1) == [1]  # a tie: the mean decides
    assert ensembles.majority(each).sum() == pytest.approx(1)


def test_weights_follow_skill(members):
    answers, labels = members
    weights = ensembles.fit_weights(answers, labels)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > weights[1] > weights[2]


@pytest.mark.parametrize("method", ensembles.LEARNING)
def test_what_learns_is_no_worse_than_the_mean(members, method):
    answers, labels = members
    combine = ensembles.combiner(method, answers[:, :300], labels[:300])
    learnt, plain = combine(answers[:, 300:]), ensembles.mean(answers[:, 300:])
    assert np.allclose(learnt.sum(1), 1)
    right = [(p.argmax(1) == labels[300:]).mean() for p in (learnt, plain)]
    assert right[0] >= right[1]


def test_stacking_needs_every_class(members):
    answers, _ = members
    with pytest.raises(DataError, match="every class"):
        ensembles.fit_stacking(answers, np.zeros(600, dtype=int))


def test_what_learns_needs_answers():
    with pytest.raises(DataError, match="--fit-images"):
        ensembles.fit_ensemble([], "stacking", None, None)
