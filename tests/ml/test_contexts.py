"""Contexts: the patient's other lesions, however many."""

import pytest
import torch

from ml.backbones import build_backbone
from ml.classifier import build_classifier
from ml.config import Architecture, Backbone, Context, Head
from ml.contexts import CONTEXTS, build_context
from ml.errors import RecipeError

FEATURES, OTHERS = torch.randn(3, 16), torch.randn(3, 5, 16)
MASK = torch.tensor([[True] * 5, [True, True, False, False, False], [False] * 5])


@pytest.fixture(params=CONTEXTS)
def context(request):
    torch.manual_seed(0)
    return build_context(Context(request.param), 16)


def test_the_head_gets_the_width_that_is_said(context):
    assert context(FEATURES, OTHERS, MASK).shape == (3, context.features)


def test_what_is_masked_is_not_seen(context):
    changed = torch.where(MASK[..., None], OTHERS, torch.randn(3, 5, 16))
    assert torch.allclose(context(FEATURES, OTHERS, MASK), context(FEATURES, changed, MASK))


def test_what_is_shown_is_seen(context):
    first = context(FEATURES, OTHERS, MASK)
    second = context(FEATURES, OTHERS + 1, MASK)
    assert not torch.allclose(first[:2], second[:2])
    assert torch.allclose(first[2], second[2])


def test_a_lesion_alone_is_answered_alike_in_any_batch(context):
    nothing = context(FEATURES[2:], OTHERS[2:, :0], MASK[2:, :0])
    assert nothing.isfinite().all()
    assert torch.allclose(context(FEATURES, OTHERS, MASK)[2:], nothing, atol=1e-6)


def test_the_order_of_the_others_does_not_matter(context):
    turned = context(FEATURES, OTHERS.flip(1), MASK.flip(1))
    assert torch.allclose(context(FEATURES, OTHERS, MASK), turned, atol=1e-6)


def test_gradients_stay_numbers_without_others(context):
    features = FEATURES.clone().requires_grad_()
    context(features, OTHERS, MASK).square().sum().backward()
    assert features.grad is not None
    assert all(p.grad.isfinite().all() for p in context.parameters() if p.grad is not None)
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_classifier_with_a_context(name):
    body = Backbone("resnet", {"stem": 8, "widths": [8, 16], "depths": [1, 1]})
    architecture = Architecture(body, Head("linear"), Context(name))
    assert Architecture.from_dict(architecture.to_dict()) == architecture
    model = build_classifier(architecture, 2).eval()
    images = torch.randn(3, 3, 32, 32)
    assert {key.split(".")[0] for key in model.state_dict()} <= {"backbone", "context", "head"}
    assert model(images).shape == model(images, OTHERS, MASK).shape == (3, 2)
    assert not torch.allclose(model(images)[:2], model(images, OTHERS)[:2])


@pytest.mark.parametrize(
    "context",
    [Context("nothing"), Context("attention", {"heads": 5}), Context("attention", {"x": 1})],
)
def test_unknown_contexts_are_refused(context):
    with pytest.raises(RecipeError):
        build_context(
            context, build_backbone(Backbone("autoencoder", {"widths": [4], "grid": 2})).features
        )
