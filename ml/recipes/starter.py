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


@recipe
def starter() -> Recipe:
    """Compact residual network at 128 px, from scratch; ships in ml/checkpoints/starter.

    Commands:  python -m ml train starter --data DATA/ham10000 --out FIRST
               python -m ml train starter --data DATA/ham10000 --start FIRST --epochs 36 --out OUT
    Hardware:  two CPU cores with bf16 instructions, shared with other work in the first run
    Hours:     1.1 and 0.4
    Result:    balanced accuracy 0.655 (0.561 to 0.737) on the test part (docs/starter.md)
    """
    return Recipe(
        name="starter",
        classes=taxonomy.HAM10000,
        architecture=Architecture(
            Backbone("resnet", {"stem": 48, "widths": [48, 96, 192, 384], "depths": [2, 2, 2, 2]}),
            Head("dnn", {"hidden": [256, 64], "dropout": 0.2}),
        ),
        preprocessing=Preprocessing(
            size=128, mean=(0.763, 0.546, 0.570), std=(0.141, 0.152, 0.169)
        ),
        training=Training(
            epochs=60,
            batch_size=64,
            learning_rate=2e-3,
            sampling=Sampling(balance=0.5),
            augmentation=Augmentation(mixup=0.3),
        ),
        tta="dihedral",
    )
