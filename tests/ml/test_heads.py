"""Heads: sizes, and what is particular to each."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier

from ml.classifier import count_parameters
from ml.config import Head
from ml.heads import ExtraTreesHead, MultiSampleDropoutHead, build_head

HIDDEN = [1024, 1024, 512, 512, 256, 256, 64]


@pytest.mark.parametrize(
    ("head", "features", "classes", "size"),
    [
        (Head("dnn", {"hidden": [512, 256, 64]}), 1024, 7, 674_695),
        (Head("dense", {"hidden": HIDDEN, "dropout": 0.3}), 1536, 2, 3_624_642),
        (Head("linear"), 512, 8, 4_104),
        (Head("multi_sample_dropout"), 512, 8, 4_104),
    ],
)
def test_sizes(head, features, classes, size):
    with torch.device("meta"):
        assert count_parameters(build_head(head, features, classes)) == size


def test_five_dropouts_vary_less_than_one():
    torch.manual_seed(0)
    features = torch.randn(1, 64).expand(200, -1)
    five, one = MultiSampleDropoutHead(64, 2), MultiSampleDropoutHead(64, 2, passes=1)
    one.load_state_dict(five.state_dict())
    spread = [head.train()(features).var(0).mean() for head in (five, one)]
    assert 0 < spread[0] < spread[1] / 3
    assert torch.equal(five.eval()(features), five.linear(features))


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 6)).astype(np.float32)
    labels = (features[:, 0] + features[:, 1] ** 2 > 1).astype(int) + (features[:, 2] > 1)
    return features, labels


def test_trees_answer_as_scikit_learn_does(sample):
    forest = ExtraTreesClassifier(20, max_leaf_nodes=32, random_state=0).fit(*sample)
    head = ExtraTreesHead(6, 3, trees=20, leaves=32)
    head.take_over(forest)
    # also where a feature is exactly at a threshold
    edges = np.repeat(forest.estimators_[0].tree_.threshold[:, None], 6, 1).astype(np.float32)
    points = np.concatenate([sample[0], edges])
    answer = head(torch.from_numpy(points)).exp().numpy()
    assert np.abs(answer - forest.predict_proba(points)).max() < 1e-6


def test_fitted_trees_are_stored_and_read(sample):
    head, other = (ExtraTreesHead(6, 3, trees=10, leaves=16) for _ in range(2))
    features = torch.from_numpy(sample[0])
    assert torch.allclose(head(features).exp(), torch.full((200, 3), 1 / 3))
    head.fit(*sample)
    assert (head(features).argmax(1).numpy() == sample[1]).mean() > 0.8
    other.load_state_dict(head.state_dict())
    assert torch.equal(head(features), other(features))
    # half precision is for matrices, and would move thresholds
    assert all(tensor.ndim == 1 for tensor in head.state_dict().values())


def test_trees_know_a_class_that_the_sample_lacks(sample):
    features, labels = sample
    head = ExtraTreesHead(6, 4, trees=5, leaves=8)
    head.fit(features, np.where(labels == 1, 3, labels))
    answer = head(torch.from_numpy(features)).exp()
    assert answer[:, 1].max() < 1e-6
    assert answer[:, 3].max() > 0.5
