"""The compact network that ships with the repository."""

from __future__ import annotations

from ml import taxonomy
from ml.config import (
    Architecture,
    Augmentation,
    Backbone,
    Head,
    Preprocessing,
    Recipe,
    Sampling,
    Training,
)
from ml.recipes.registry import recipe

AUGMENTATION = Augmentation(
    scale=(0.72, 1.3),
    white_balance=0.1,
    mixup=0.4,
    mixup_share=0.4,
    cutmix_share=0.25,
    dropout_share=0.15,
    dropout_holes=1,
    dropout_size=0.35,
)


@recipe
def starter() -> Recipe:
    """Compact residual network, from scratch at 149 x 112 to 256 x 192; 6,406,648 parameters.

    It learns to draw the lesion's outline beside, where the data has experts' masks. Two networks
    of nearly this recipe, joined by ``python -m ml join``, ship in ml/checkpoints/starter.

    Command:   python -m ml train starter --data DATA/ham10000 --out OUT
    Hardware:  two CPU cores with bf16 instructions
    Hours:     8, on cores that had other work too
    Result:    balanced accuracy 0.662 (0.610 to 0.728) on the test part, with ISIC 2017's images
               beside and without casts (docs/starter.md); of the two that ship, 0.694 (0.620 to
               0.761)
    """
    options = {"stem": 48, "widths": [48, 96, 192, 384], "depths": [2, 2, 2, 2], "outline": True}
    return Recipe(
        name="starter",
        classes=taxonomy.HAM10000,
        architecture=Architecture(
            Backbone("resnet", options), Head("dnn", {"hidden": [256, 64], "dropout": 0.2})
        ),
        preprocessing=Preprocessing(
            size=192,
            resize="whole",
            mean=(0.763, 0.546, 0.570),
            std=(0.141, 0.152, 0.169),
            aspect=4 / 3,  # of dermoscopic cameras
        ),
        training=Training(
            epochs=96,
            batch_size=64,
            # small pictures cost half as much, and most is learnt from them
            smaller=((0.35, 112), (0.55, 128), (0.75, 160)),
            learning_rate=2e-3,
            sampling=Sampling(balance=0.5),
            ema_decay=0.999,
            augmentation=AUGMENTATION,
        ),
        tta="mirror",
    )
