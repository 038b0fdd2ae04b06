"""A classifier: backbone, optional context, head."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ml.backbones import build_backbone
from ml.backbones.autoencoder import Autoencoder
from ml.config import Architecture
from ml.contexts import build_context
from ml.heads import build_head


class Classifier(nn.Module):
    """Image to logits in three parts that compose.

    ``context`` joins the image's features and those of the patient's other lesions. Tensor names
    begin with ``backbone.``, ``context.`` or ``head.``. While it is trained, one on an auto-encoder
    gives the picture drawn again (its head is fitted afterwards, ml.heads.fitting), and one on a
    backbone that outlines gives logits and the lesion's outline (ml.outline).
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, context: nn.Module | None = None):
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.context = context

    @property
    def outlines(self) -> bool:
        """Whether it can draw where the lesion lies."""
        return bool(getattr(self.backbone, "outlines", False))

    def forward_features(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        return self.backbone(images)  # (B, D)

    def forward_outlined(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, D), and the logits (B, h, w) of the lesion's outline."""
        return self.backbone.forward_outlined(images)  # type: ignore[operator]

    def forward_head(
        self, features: Tensor, others: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Features (B, D) to logits (B, K).

        ``others`` (B, M, D) are the features of the patient's other lesions, ``mask`` (B, M) is
        true where there is one; without a mask, all are. A model without context ignores both.
        """
        if self.context is not None:
            if others is None:
                others = features.new_zeros(len(features), 0, features.shape[1])
            if mask is None:
                mask = others.new_ones(others.shape[:2]).bool()
            features = self.context(features, others, mask)  # (B, D'), the head's width
        return self.head(features)  # (B, K)

    def forward(
        self, images: Tensor, others: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        if self.training and isinstance(self.backbone, Autoencoder):
            return self.backbone.draw(images)  # (B, 3, H, W)
        if self.training and self.outlines:
            features, outline = self.forward_outlined(images)
            return self.forward_head(features, others, mask), outline  # (B, K), (B, h, w)
        return self.forward_head(self.forward_features(images), others, mask)  # (B, K)


def build_classifier(
    architecture: Architecture, classes: int, pretrained: str | None = None
) -> Classifier:
    """Build a classifier with random weights, or with a ``pretrained`` backbone."""
    backbone: Any = build_backbone(architecture.backbone, pretrained)
    width = backbone.features
    context: Any = None
    if architecture.context is not None:
        context = build_context(architecture.context, width)
        width = context.features
    return Classifier(backbone, build_head(architecture.head, width, classes), context)


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
