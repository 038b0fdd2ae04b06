"""Folded norms change how a network is computed, not what it answers."""

import pytest
import torch
from torch import nn

from ml.classifier import Classifier, build_classifier
from ml.config import Architecture, Backbone, Head
from ml.folding import fold_norms

SMALL = {"stem": 8, "widths": [8, 16], "depths": [1, 2]}


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    found = build_classifier(Architecture(Backbone("resnet", SMALL), Head("linear")), 7).eval()
    for layer in found.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.2, 3.0)
            layer.weight.data.uniform_(-2.0, 2.0)
            layer.bias.data.normal_()
    return found


@torch.inference_mode()
def test_the_answer_is_the_same_without_norms(model: Classifier) -> None:
    images = torch.randn(4, 3, 64, 64)
    before, features = model(images), model.backbone(images)
    norms = sum(isinstance(layer, nn.BatchNorm2d) for layer in model.backbone.modules())
    assert fold_norms(model) == norms > 5
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in model.backbone.modules())
    torch.testing.assert_close(model(images), before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.backbone(images), features, rtol=1e-4, atol=1e-4)
    assert fold_norms(model) == 0


def test_gradients_still_reach_the_maps(model: Classifier) -> None:
    fold_norms(model.requires_grad_(False))
    assert not any(parameter.requires_grad for parameter in model.parameters())
    images = torch.randn(1, 3, 64, 64, requires_grad=True)
    model(images)[0, 0].backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_other_networks_are_left_alone() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert fold_norms(plain) == 0
    assert isinstance(plain[1], nn.BatchNorm2d)
