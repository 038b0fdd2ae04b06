"""Losses against their formulas."""

import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from ml.config import Loss
from ml.errors import TrainingError
from ml.losses import adjusted_cross_entropy, build_loss, focal

CLASSES = ("mel", "nv")
SHARES = torch.tensor([0.25, 0.75], dtype=torch.float64)
LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
TARGETS = F.one_hot(torch.tensor([0, 1, 0]), 2).float()
IMAGES = torch.zeros(3, 3, 4, 4)


def value(loss, outputs=LOGITS, targets=TARGETS, images=IMAGES):
    return float(build_loss(loss, CLASSES, SHARES)(outputs, targets, images))


def test_cross_entropy_is_torch_s():
    assert value(Loss("cross_entropy")) == pytest.approx(
        float(F.cross_entropy(LOGITS, torch.tensor([0, 1, 0])))
    )


def test_class_weighted_gives_each_class_the_same_say():
    each = F.cross_entropy(LOGITS, torch.tensor([0, 1, 0]), reduction="none")
    expected = (2 * each[0] + 2 / 3 * each[1] + 2 * each[2]) / 3
    assert value(Loss("class_weighted")) == pytest.approx(float(expected))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_a_gradient_where_the_answer_is_certain(gamma):
    logits = torch.tensor([[60.0, 0.0, 0.0], [0.0, 60.0, 0.0]], requires_grad=True)
    targets = torch.tensor([[0.95, 0.03, 0.02], [1.0, 0.0, 0.0]])
    focal(logits, targets, gamma).sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[1].abs().max() > 0.1


def test_focal_is_the_paper_s():
    right = LOGITS.softmax(1)[[0, 1, 2], [0, 1, 0]].tolist()
    expected = sum(-((1 - p) ** 2) * math.log(p) for p in right) / 3
    assert value(Loss("focal", gamma=2.0)) == pytest.approx(expected)
    assert value(Loss("focal", gamma=0.0)) == pytest.approx(value(Loss("cross_entropy")))


def test_the_adjusted_loss_undoes_the_shares():
    # where images say nothing, the best logits are equal ones, however uneven the draw
    targets = torch.tensor([[1.0, 0.0]] + [[0.0, 1.0]] * 3)
    logits = torch.zeros(4, 2, requires_grad=True)
    adjusted_cross_entropy(logits, targets, SHARES).mean().backward()
    assert logits.grad is not None
    assert logits.grad.sum(0).abs().max() < 1e-6


def test_reconstruction_compares_with_the_images():
    pictures, images = torch.ones(3, 3, 4, 4), torch.full((3, 3, 4, 4), 3.0)
    assert value(Loss("reconstruction"), pictures, images=images) == pytest.approx(4.0)


def test_single_classes_can_be_weighed():
    each = F.cross_entropy(LOGITS, torch.tensor([0, 1, 0]), reduction="none")
    expected = (3 * each[0] + each[1] + 3 * each[2]) / 3
    assert value(Loss("cross_entropy", weights={"mel": 3.0})) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("loss", "message"),
    [(Loss("hinge"), "no loss 'hinge'"), (Loss(weights={"bcc": 2.0}), "'bcc'")],
)
def test_what_is_not_there_is_named(loss, message):
    with pytest.raises(TrainingError, match=message):
        value(loss)
