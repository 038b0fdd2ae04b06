"""Three networks with the same small head, malignant or not; `tune` searches its numbers."""

from __future__ import annotations

from ml import taxonomy
from ml.config import Architecture, Backbone, Head, Preprocessing, Recipe, Training
from ml.recipes.preprocessings import between_minus_one_and_one, imagenet
from ml.recipes.registry import recipe


@recipe
def efficientnetv2_b3(pretrained: str = "imagenet") -> Recipe:
    """EfficientNetV2-B3 at 224 px, pooled, dense, dropout, malignant or not.

    Command:   python -m ml tune efficientnetv2_b3 --data DATA --out OUT, then train with its answer
    Hardware:  one GPU with 12 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: the width of the dense layer, the dropout and the figures could not be verified
    """
    return _recipe("efficientnetv2_b3", "EfficientNetV2B3", imagenet(224), pretrained)


@recipe
def resnet152v2(pretrained: str = "imagenet") -> Recipe:
    """ResNet-152 V2 at 224 px, pooled, dense, dropout, malignant or not.

    Command:   python -m ml tune resnet152v2 --data DATA --out OUT, then train with its answer
    Hardware:  one GPU with 16 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: the width of the dense layer, the dropout and the figures could not be verified
    """
    return _recipe("resnet152v2", "ResNet152V2", between_minus_one_and_one(224), pretrained)


@recipe
def densenet201(pretrained: str = "imagenet") -> Recipe:
    """DenseNet-201 at 224 px, pooled, dense, dropout, malignant or not.

    Command:   python -m ml tune densenet201 --data DATA --out OUT, then train with its answer
    Hardware:  one GPU with 16 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: the width of the dense layer, the dropout and the figures could not be verified
    """
    return _recipe("densenet201", "DenseNet201", imagenet(224), pretrained)


def _recipe(name: str, network: str, preprocessing: Preprocessing, pretrained: str) -> Recipe:
    return Recipe(
        name=name,
        classes=taxonomy.MALIGNANT_OR_NOT,
        architecture=Architecture(
            Backbone("keras", {"name": network, "image_size": preprocessing.size}),
            Head("dense", {"hidden": [256], "dropout": 0.3}),
        ),
        preprocessing=preprocessing,
        training=Training(
            epochs=30,
            batch_size=32,
            learning_rate=1e-3,
            warmup_epochs=2,
            freeze_epochs=5,
            backbone_rate=0.1,
            pretrained=pretrained,
        ),
        tta="flips",
    )
