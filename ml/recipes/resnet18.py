"""ResNet-18 on the eight classes of ISIC 2019, in eight variants.

M0 to M3 learn without augmentation for 20 epochs, and M4 to M7 with augmentation and dropout for
40; each four without a schedule, with steps, with a cosine and with warm restarts. So they are
numbered, with their AUCs, in Bermeo Quito, A Platform for Classifying Melanoma (University of
Girona, 2023); the rates and the lengths of the steps are ours.
"""

from __future__ import annotations

from ml import taxonomy
from ml.config import Architecture, Augmentation, Backbone, Head, Recipe, Schedule, Training
from ml.recipes.preprocessings import imagenet
from ml.recipes.registry import choose, recipe

# He et al., arXiv:1512.03385, table 1
RESNET18 = Backbone("resnet", {"stem": 64, "widths": [64, 128, 256, 512], "depths": [2, 2, 2, 2]})

SCHEDULES = [
    Schedule("constant"),
    Schedule("step", epochs=15, factor=0.1),
    Schedule("cosine"),
    Schedule("restarts", epochs=10, growth=1.0),
]
PLAIN = {f"M{number}": schedule for number, schedule in enumerate(SCHEDULES)}
AUGMENTED = {f"M{number + 4}": schedule for number, schedule in enumerate(SCHEDULES)}

STILL = Augmentation(
    scale=(1.0, 1.0), stretch=0, shift=0, brightness=0, contrast=0, saturation=0, hue=0
)


@recipe
def resnet18(variant: str = "M2", pretrained: str = "microsoft/resnet-18") -> Recipe:
    """ResNet-18 at 256 px, one linear layer, eight classes; 11,180,616 parameters.

    ``variant`` is M0 (no schedule), M1 (steps), M2 (cosine) or M3 (warm restarts), all without
    augmentation and of 20 epochs.

    Command:   python -m ml train resnet18 --data DATA --set variant=M2 --out OUT
    Hardware:  one GPU with 8 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: test AUC of M0 to M3 0.892, 0.892, 0.885, 0.886
    """
    schedule = choose("variant", variant, PLAIN)
    return _recipe("resnet18", Head("linear"), 20, schedule, STILL, pretrained)


@recipe
def resnet18_dropout(variant: str = "M6", pretrained: str = "microsoft/resnet-18") -> Recipe:
    """ResNet-18 at 256 px, mean of five dropout passes through one linear layer, eight classes.

    ``variant`` is M4 (no schedule), M5 (steps), M6 (cosine) or M7 (warm restarts), all with
    augmentation and of 40 epochs. It has as many parameters as resnet18.

    Command:   python -m ml train resnet18_dropout --data DATA --set variant=M6 --out OUT
    Hardware:  one GPU with 8 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: test AUC of M4 to M7 0.858, 0.843, 0.848, 0.849
    """
    schedule = choose("variant", variant, AUGMENTED)
    head = Head("multi_sample_dropout", {"passes": 5, "dropout": 0.5})
    return _recipe("resnet18_dropout", head, 40, schedule, Augmentation(), pretrained)


def _recipe(
    name: str,
    head: Head,
    epochs: int,
    schedule: Schedule,
    augmentation: Augmentation,
    pretrained: str,
) -> Recipe:
    return Recipe(
        name=name,
        classes=taxonomy.ISIC2019,
        architecture=Architecture(RESNET18, head),
        preprocessing=imagenet(256),
        training=Training(
            epochs=epochs,
            batch_size=64,
            learning_rate=3e-4,
            warmup_epochs=1,
            schedule=schedule,
            augmentation=augmentation,
            pretrained=pretrained,
        ),
        tta="dihedral",
    )
