"""Pretrained backbones, from a folder that transformers wrote."""

import pytest
import torch
from transformers import ViTConfig, ViTModel

from ml.backbones import build_backbone
from ml.config import Backbone
from ml.errors import RecipeError

OPTIONS = {"image_size": 64, "patch_size": 32, "size": "tiny"}


@pytest.fixture
def pretrained(tmp_path):
    config = ViTConfig(
        image_size=64,
        patch_size=32,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
    )
    model = ViTModel(config, add_pooling_layer=False)
    model.save_pretrained(tmp_path / "vit")
    return tmp_path / "vit", model.eval()


def test_weights_are_taken_over(pretrained):
    folder, source = pretrained
    backbone = build_backbone(Backbone("vit", OPTIONS), str(folder)).eval()
    images = torch.randn(2, 3, 64, 64)
    assert torch.allclose(backbone(images), source(images).last_hidden_state[:, 0])


def test_another_shape_is_refused(pretrained):
    folder, _ = pretrained
    with pytest.raises(RecipeError, match="cannot be used"):
        build_backbone(Backbone("vit", OPTIONS | {"image_size": 96}), str(folder))


def test_pickled_weights_are_refused(pretrained):
    folder, source = pretrained
    (folder / "model.safetensors").unlink()
    torch.save(source.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(RecipeError, match="cannot be used"):
        build_backbone(Backbone("vit", OPTIONS), str(folder))


def test_a_backbone_without_pretraining_says_so():
    with pytest.raises(RecipeError, match="pretrained"):
        build_backbone(Backbone("autoencoder", {"widths": [8]}), "somewhere")
