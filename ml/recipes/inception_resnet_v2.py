"""Inception-ResNet-v2 with a deep dense head."""

from __future__ import annotations

from ml import taxonomy
from ml.config import Architecture, Backbone, Head, Recipe, Training
from ml.recipes.preprocessings import between_minus_one_and_one
from ml.recipes.registry import recipe

HIDDEN = [1024, 1024, 512, 512, 256, 256, 64]


@recipe
def inception_resnet_v2(pretrained: str = "imagenet") -> Recipe:
    """Inception-ResNet-v2 at 256 px, seven dense layers, melanoma or not; 57,961,378 parameters.

    Command:   python -m ml train inception_resnet_v2 --data DATA --out OUT
    Hardware:  one GPU with 16 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: the network and its size; where the dropout of 0.3 stands (here before the last
               layer) and the figures of the system could not be verified
    """
    return Recipe(
        name="inception_resnet_v2",
        classes=taxonomy.MELANOMA_OR_NOT,
        architecture=Architecture(
            Backbone("keras", {"name": "InceptionResNetV2", "image_size": 256}),
            Head("dense", {"hidden": HIDDEN, "dropout": 0.3}),
        ),
        preprocessing=between_minus_one_and_one(256),
        training=Training(
            epochs=30, batch_size=32, learning_rate=1e-4, warmup_epochs=2, pretrained=pretrained
        ),
        tta="flips",
    )
