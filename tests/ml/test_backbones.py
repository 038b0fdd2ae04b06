"""Backbones: sizes, gradients, statistics, and weights that come and go."""

import copy
import sys
from unittest import mock

import pytest
import torch

from ml.backbones import build_backbone
from ml.backbones.keras_network import NETWORKS, import_keras
from ml.classifier import Classifier, count_parameters
from ml.config import Backbone
from ml.errors import RecipeError
from ml.heads import LinearHead

# the first two blocks, which train on a CPU in no time
TINY_KERAS = Backbone("keras", {"name": "EfficientNetB0", "image_size": 32, "until": "block2b_add"})
TINY_AUTOENCODER = Backbone("autoencoder", {"widths": [8, 16], "grid": 2})
RESNET18 = Backbone("resnet", {"stem": 64, "widths": [64, 128, 256, 512], "depths": [2, 2, 2, 2]})
SIZES = {
    # Keras' documentation gives the whole networks, these are without their tops
    "DenseNet201": 18_321_984,
    "EfficientNetB0": 4_049_571,
    "EfficientNetV2B3": 12_930_622,
    "InceptionResNetV2": 54_336_736,
    "ResNet152V2": 58_331_648,
}
PIXELS = torch.linspace(-2, 2, 4 * 3 * 32 * 32).view(4, 3, 32, 32).sin()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_backbone(TINY_KERAS)


def statistics(network):
    return {k: v.clone() for k, v in network.named_parameters() if "moving_" in k}


@pytest.mark.parametrize("name", NETWORKS)
def test_keras_networks_have_the_published_number_of_parameters(name):
    with torch.device("meta"):
        backbone = build_backbone(Backbone("keras", {"name": name, "image_size": 256}))
    assert count_parameters(backbone) == SIZES[name]


def test_resnet18_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert count_parameters(build_backbone(RESNET18)) == 11_176_512


def test_statistics_move_in_training_and_not_in_evaluation(network):
    before = statistics(network)
    network.eval()(PIXELS)
    assert all(torch.equal(before[k], v) for k, v in statistics(network).items())
    network.train()(PIXELS)
    assert all(not torch.equal(before[k], v) for k, v in statistics(network).items())


def test_evaluation_reads_the_statistics(network):
    first = network.eval()(PIXELS)
    with torch.no_grad():
        network.get_parameter("stem_bn/moving_mean").add_(1.0)
    assert not torch.allclose(network(PIXELS), first)


def test_gradients_reach_every_tensor_and_lower_the_loss(network):
    model = Classifier(network, LinearHead(network.features, 2)).train()
    learned = [p for p in model.backbone.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    losses = []
    for _ in range(5):
        torch.manual_seed(0)  # the same dropout each time
        loss = torch.nn.functional.cross_entropy(model(PIXELS), torch.tensor([0, 1, 0, 1]))
        optimizer.zero_grad()
        loss.backward()
        reached = [p for p in learned if p.grad is not None and p.grad.abs().sum() > 0]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert len(reached) == len(learned)


def test_state_goes_to_another_network_exactly(network):
    network.train()(PIXELS)
    torch.manual_seed(1)
    other = build_backbone(TINY_KERAS)
    assert not torch.equal(other.eval()(PIXELS), network.eval()(PIXELS))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(PIXELS), network(PIXELS))


def test_a_network_built_without_memory_takes_its_tensors(network):
    with torch.device("meta"):
        empty = build_backbone(TINY_KERAS)
    empty.load_state_dict(network.state_dict(), strict=True, assign=True)
    assert torch.equal(empty.eval()(PIXELS), network.eval()(PIXELS))


def test_a_copy_is_a_network_of_its_own(network):
    twin = copy.deepcopy(network)
    twin.train()(PIXELS)
    assert torch.equal(
        twin.get_parameter("stem_conv/kernel"), network.state_dict()["stem_conv/kernel"]
    )
    assert not torch.equal(
        twin.get_parameter("stem_bn/moving_mean"), network.get_parameter("stem_bn/moving_mean")
    )


def test_torchs_seed_decides_weights_and_dropout():
    answers = []
    for _ in range(2):
        torch.manual_seed(3)
        answers.append(build_backbone(TINY_KERAS).train()(PIXELS))
    assert torch.equal(*answers)


def test_the_map_is_pooled_to_the_features(network):
    network.eval()
    shown = network.forward_map(PIXELS)
    assert shown.shape == (4, network.features, 8, 8)
    assert torch.allclose(shown.mean((2, 3)), network(PIXELS))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' writer
def test_keras_weights_are_read_from_a_file(tmp_path):
    keras = import_keras()
    with keras.device("cpu"):
        keras.utils.clear_session(free_memory=False)
        source = keras.applications.EfficientNetB0(
            weights=None, include_top=False, input_shape=(32, 32, 3)
        )
    source.save_weights(tmp_path / "b0.weights.h5")
    network = build_backbone(TINY_KERAS, str(tmp_path / "b0.weights.h5"))
    kernel = source.get_layer("block1a_dwconv").weights[0].value
    assert torch.equal(network.get_parameter("block1a_dwconv/kernel"), kernel)


@pytest.mark.parametrize(
    ("options", "pretrained", "reason"),
    [
        ({"image_size": 8}, None, "cannot be built"),
        ({"name": "LeNet"}, None, "no Keras network"),
        ({"until": "nowhere"}, None, "no layer 'nowhere'"),
        ({}, "missing.weights.h5", "missing.weights.h5"),
    ],
)
def test_what_cannot_be_built_is_refused(options, pretrained, reason):
    with pytest.raises(RecipeError, match=reason):
        build_backbone(Backbone("keras", TINY_KERAS.options | options), pretrained)


def test_weights_that_cannot_be_downloaded_are_told(monkeypatch, tmp_path):
    import_keras()
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    away = mock.Mock(side_effect=OSError("no network"))
    monkeypatch.setattr("socket.getaddrinfo", away)
    with pytest.raises(RecipeError, match=r"no network.*pretrained=PATH"):
        build_backbone(TINY_KERAS, "imagenet")
    assert away.called


def test_without_keras_the_file_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(RecipeError, match=r"requirements-training\.txt"):
        build_backbone(Backbone("keras", {"name": "EfficientNetB0", "image_size": 40}))


def test_the_autoencoder_draws_a_picture_of_the_same_size():
    backbone = build_backbone(TINY_AUTOENCODER)
    assert backbone(PIXELS).shape == (4, backbone.features) == (4, 64)
    model = Classifier(backbone, LinearHead(backbone.features, 2))
    pictures = model.train()(PIXELS)
    assert pictures.shape == PIXELS.shape
    (pictures - PIXELS).square().mean().backward()
    assert all(p.grad is not None for p in backbone.parameters())
    assert model.eval()(PIXELS).shape == (4, 2)
