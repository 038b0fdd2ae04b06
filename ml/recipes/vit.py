"""Vision transformers with a DNN head."""

from __future__ import annotations

from ml import taxonomy
from ml.config import Architecture, Backbone, Head, Preprocessing, Recipe, Training
from ml.recipes.registry import recipe


@recipe
def vit_l32_dnn() -> Recipe:
    """ViT-L/32 at 384 px with a DNN head of three hidden layers; 306,282,375 parameters.

    Command:   python -m ml train vit_l32_dnn --data DATA --out OUT
    Hardware:  one GPU with 24 GB or more
    Hours:     not measured
    Result:    not measured; this project has not trained it
    """
    return Recipe(
        name="vit_l32_dnn",
        classes=taxonomy.HAM10000,
        architecture=Architecture(
            Backbone("vit", {"image_size": 384, "patch_size": 32, "size": "large"}),
            Head("dnn", {"hidden": [512, 256, 64]}),
        ),
        preprocessing=Preprocessing(size=384, resize="squash"),
        training=Training(
            epochs=20,
            batch_size=32,
            learning_rate=3e-5,
            warmup_epochs=2,
            pretrained="google/vit-large-patch32-384",
        ),
        tta="flips",
    )
