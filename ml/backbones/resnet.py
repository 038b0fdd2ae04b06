"""A residual network of any size.

The library's, since its widths and depths are free and our own was no better.
"""

from __future__ import annotations

from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel
from transformers.models.resnet.modeling_resnet import ResNetBasicLayer

from ml.backbones.pretrained import from_pretrained


class ResNet(nn.Module):
    """ResNet (He et al., arXiv:1512.03385) of basic blocks, mean-pooled.

    ``stem`` is the width after the first convolution; ``widths`` and ``depths`` are one number per
    stage. The stem and each stage but the first halve the picture, so it ends at 1/32. With
    ``outline`` the last stage but one also draws where the lesion lies (ml.outline). ``pretrained``
    is a local folder or a hub id that transformers can read.
    """

    def __init__(
        self,
        stem: int,
        widths: list[int],
        depths: list[int],
        outline: bool = False,
        pretrained: str | None = None,
    ):
        super().__init__()
        config = ResNetConfig(
            embedding_size=stem, hidden_sizes=widths, depths=depths, layer_type="basic"
        )
        self.features = widths[-1]
        self.outlines = outline
        if outline:
            self.outline = nn.Conv2d(widths[-2], 1, 1)
        if pretrained:
            self.model = from_pretrained(ResNetModel, pretrained, config)
        else:
            self.model = ResNetModel(config)
            self._start_blocks_as_identity()

    def _start_blocks_as_identity(self) -> None:
        # Goyal et al., arXiv:1706.02677, section 5.1
        for block in self.modules():
            if isinstance(block, ResNetBasicLayer):
                nn.init.zeros_(block.get_parameter("layer.1.normalization.weight"))

    def forward_map(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        return self.model(images).last_hidden_state  # (B, D, H / 32, W / 32)

    def pool(self, maps: Tensor) -> Tensor:
        return self.model.pooler(maps).flatten(1)  # (B, D)

    def forward_outlined(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, D), and the logits (B, H / 16, W / 16) of the lesion's outline."""
        answer = self.model(images, output_hidden_states=True)
        drawn = self.outline(answer.hidden_states[-2])  # (B, 1, H / 16, W / 16)
        return answer.pooler_output.flatten(1), drawn[:, 0]

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images).pooler_output.flatten(1)  # (B, D)
