"""Shapes, sizes and names of the models."""

import pytest
import torch

from ml.backbones import build_backbone
from ml.classifier import Classifier, build_classifier, count_parameters
from ml.config import Backbone, Head
from ml.errors import RecipeError
from ml.heads import DnnHead, build_head
from ml.recipes import get_recipe

# of the model with seed 0 on a ramp of light; they change only when the network does
GOLDEN = [-0.0590, 0.2146, 0.0727, 0.2275, -0.0628, 0.0224, -0.1385]

TINY_VIT = Backbone("vit", {"image_size": 64, "patch_size": 32, "size": "tiny"})


def test_vit_l32_dnn_has_the_published_number_of_parameters():
    recipe = get_recipe("vit_l32_dnn")
    with torch.device("meta"):
        model = build_classifier(recipe.architecture, len(recipe.classes))
    assert count_parameters(model.backbone) == 305_607_680
    assert count_parameters(model.head) == 674_695
    assert count_parameters(model) == 306_282_375


def test_starter_fits_the_repository():
    recipe = get_recipe("starter")
    with torch.device("meta"):
        model = build_classifier(recipe.architecture, len(recipe.classes))
    assert count_parameters(model) * 2 < 30e6


@pytest.mark.parametrize("images", [1, 3])
def test_shapes(model, images):
    batch = torch.zeros(images, 3, 32, 32)
    features = model.forward_features(batch)
    assert features.shape == (images, 16)
    assert model.forward_head(features).shape == model(batch).shape == (images, 7)


def test_vit_gives_its_class_token():
    backbone = build_backbone(TINY_VIT)
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, backbone.features)


@pytest.mark.parametrize("backbone", [TINY_VIT, None])
def test_gradients_reach_both_ends(recipe, backbone):
    body = build_backbone(backbone or recipe.architecture.backbone)
    model = Classifier(body, DnnHead(body.features, 7, [8])).train()
    size = 64 if backbone else 32
    model(torch.randn(4, 3, size, size)).square().sum().backward()
    named = list(model.named_parameters())
    for _, parameter in (named[0], named[-1]):
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_context_sees_features_before_the_head(model):
    class Add(torch.nn.Module):
        def forward(self, features, others, mask):
            return features + others.mean(1)

    images, others = torch.randn(2, 3, 32, 32), torch.randn(2, 5, 16)
    expected = model.head(model.forward_features(images) + others.mean(1))
    model.context = Add()
    assert torch.allclose(model(images, others), expected)


def test_tensor_names_say_their_part(model):
    assert {name.split(".")[0] for name in model.state_dict()} == {"backbone", "head"}


def test_golden_logits(model):
    images = torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)
    with torch.inference_mode():
        logits = model(images)[0]
    assert torch.allclose(logits, torch.tensor(GOLDEN), atol=1e-4)


@pytest.mark.parametrize(
    "build",
    [
        lambda: build_backbone(Backbone("nothing")),
        lambda: build_backbone(Backbone("vit", {"colour": 1})),
        lambda: build_head(Head("nothing"), 8, 7),
        lambda: build_head(Head("dnn", {"colour": 1}), 8, 7),
        lambda: get_recipe("nothing"),
    ],
)
def test_unknown_parts_are_refused(build):
    with pytest.raises(RecipeError):
        build()
