"""Each recipe in a form so small that a CPU trains it in seconds: it proves the code, no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ml.config import Recipe

# side of the picture, and the options of the backbone that differ: the first blocks of the real one
SHAPES: dict[str, tuple[int, dict[str, Any]]] = {
    "cae_extratrees": (32, {"widths": [8, 16, 16], "grid": 2}),
    "densenet201": (32, {"until": "conv2_block6_concat"}),
    "efficientnet_b0_context": (32, {"until": "block2b_add"}),
    "efficientnetv2_b3": (32, {"until": "block2b_add"}),
    "inception_resnet_v2": (75, {"until": "mixed_5b"}),
    "resnet18": (32, {"stem": 8, "widths": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}),
    "resnet18_dropout": (32, {"stem": 8, "widths": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}),
    "resnet152v2": (32, {"until": "conv2_block3_out"}),
    "starter": (32, {"stem": 8, "widths": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}),
    "vit_h14_dnn": (28, {"size": "tiny"}),
    "vit_l32_dnn": (64, {"size": "tiny"}),
}


def shrink(recipe: Recipe) -> Recipe:
    """The tiny form of ``recipe``: another backbone, shorter training, the rest is its own."""
    size, options = SHAPES[recipe.name]
    backbone = recipe.architecture.backbone
    sized = {"image_size": size} if "image_size" in backbone.options else {}
    body = replace(backbone, options=backbone.options | sized | options)
    training = replace(
        recipe.training,
        epochs=2,
        batch_size=8,
        learning_rate=1e-3,
        warmup_epochs=0,
        freeze_epochs=0,
        pretrained=None,
        smaller=(),
        ema_decay=0.5,  # the usual one would still be at the start after so few steps
    )
    return replace(
        recipe,
        name=f"{recipe.name}_tiny",
        architecture=replace(recipe.architecture, backbone=body),
        preprocessing=replace(recipe.preprocessing, size=size),
        training=training,
        tta="none",
    )
