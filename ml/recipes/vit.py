"""Vision transformers with a DNN head."""

from __future__ import annotations

from ml import taxonomy
from ml.config import Architecture, Backbone, Head, Preprocessing, Recipe, Training
from ml.recipes.registry import recipe

DNN = Head("dnn", {"hidden": [512, 256, 64]})


@recipe
def vit_l32_dnn(pretrained: str = "google/vit-large-patch32-384") -> Recipe:
    """ViT-L/32 at 384 px with a DNN head of three hidden layers; 306,282,375 parameters.

    Command:   python -m ml train vit_l32_dnn --data DATA/ham10000 --out OUT
    Hardware:  one GPU with 24 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: ViT-L/32 on HAM10000, with a head of its own: accuracy 0.916, melanoma recall 0.585
               (Flosdorf et al., arXiv:2407.18554); a figure of the system with the DNN head was
               not found
    """
    return Recipe(
        name="vit_l32_dnn",
        classes=taxonomy.HAM10000,
        architecture=Architecture(
            Backbone("vit", {"image_size": 384, "patch_size": 32, "size": "large"}), DNN
        ),
        preprocessing=Preprocessing(size=384, resize="squash"),
        training=Training(
            epochs=20, batch_size=32, learning_rate=3e-5, warmup_epochs=2, pretrained=pretrained
        ),
        tta="flips",
    )


@recipe
def vit_h14_dnn(pretrained: str = "google/vit-huge-patch14-224-in21k") -> Recipe:
    """ViT-H/14 at 224 px with the same DNN head; 631,570,567 parameters.

    Command:   python -m ml train vit_h14_dnn --data DATA/ham10000 --out OUT
    Hardware:  one GPU with 40 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: no figure was found
    """
    return Recipe(
        name="vit_h14_dnn",
        classes=taxonomy.HAM10000,
        architecture=Architecture(
            Backbone("vit", {"image_size": 224, "patch_size": 14, "size": "huge"}), DNN
        ),
        preprocessing=Preprocessing(size=224, resize="squash"),
        training=Training(
            epochs=20, batch_size=16, learning_rate=2e-5, warmup_epochs=2, pretrained=pretrained
        ),
        tta="flips",
    )
