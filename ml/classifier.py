"""A classifier: backbone, optional context, head."""

from __future__ import annotations

from torch import Tensor, nn

from ml.backbones import build_backbone
from ml.config import Architecture
from ml.heads import build_head


class Classifier(nn.Module):
    """Image to logits in three parts that compose.

    ``context`` maps the image's features and those of the patient's other lesions to features of
    the same width. Tensor names begin with ``backbone.``, ``context.`` or ``head.``.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, context: nn.Module | None = None):
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.context = context

    def forward_features(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        return self.backbone(images)  # (B, D)

    def forward_head(self, features: Tensor, others: Tensor | None = None) -> Tensor:
        # features (B, D), others (B, M, D)
        if self.context is not None:
            features = self.context(features, others)  # (B, D)
        return self.head(features)  # (B, K)

    def forward(self, images: Tensor, others: Tensor | None = None) -> Tensor:
        return self.forward_head(self.forward_features(images), others)  # (B, K)


def build_classifier(
    architecture: Architecture, classes: int, pretrained: str | None = None
) -> Classifier:
    """Build a classifier with random weights, or with a ``pretrained`` backbone."""
    backbone = build_backbone(architecture.backbone, pretrained)
    head = build_head(architecture.head, backbone.features, classes)  # type: ignore[arg-type]
    return Classifier(backbone, head)


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
