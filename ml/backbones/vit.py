"""Vision transformers (Dosovitskiy et al., arXiv:2010.11929), through transformers' ViTModel."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from ml.backbones.pretrained import from_pretrained

# width, layers, heads: table 1 of the paper, whose MLPs are all four times as wide
SIZES = {
    "tiny": (32, 2, 2),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
    "huge": (1280, 32, 16),
}


class ViT(nn.Module):
    """The class token after the last layer norm. ``size`` is a key of SIZES ("tiny" is for tests).

    ``pretrained`` is a local folder or a hub id that transformers can read.
    """

    def __init__(self, image_size: int, patch_size: int, size: str, pretrained: str | None = None):
        super().__init__()
        width, layers, heads = SIZES[size]
        config = ViTConfig(
            image_size=image_size,
            patch_size=patch_size,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
        )
        if pretrained:
            self.model = from_pretrained(ViTModel, pretrained, config, add_pooling_layer=False)
        else:
            self.model = ViTModel(config, add_pooling_layer=False)
        self.features = config.hidden_size

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        tokens = self.model(images).last_hidden_state  # (B, 1 + N, D), N = H * W / patch^2
        return tokens[:, 0]  # (B, D)

    def attend(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features (B, D), and each layer's attention (B, heads, 1 + N, 1 + N)."""
        usual = self.model.config._attn_implementation
        # only the plain implementation keeps what it attended to
        self.model.set_attn_implementation("eager")
        try:
            outputs = self.model(images, output_attentions=True)
        finally:
            self.model.set_attn_implementation(usual)
        return outputs.last_hidden_state[:, 0], outputs.attentions
