"""The compact network that ships with the repository."""

from __future__ import annotations

from typing import Any

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
from ml.recipes.registry import choose, recipe

# by side in pixels: the views when reading, and what differs in training
PHASES: dict[str, tuple[str, dict[str, Any]]] = {
    "128": ("dihedral", {"epochs": 60, "batch_size": 64, "learning_rate": 2e-3}),
    "160": ("flips", {"epochs": 16, "batch_size": 32, "learning_rate": 8e-4}),
}


@recipe
def starter(size: str = "160") -> Recipe:
    """Compact residual network, from scratch at 128 px, then at 160 px; 6,406,455 parameters.

    ``size`` is 128 or 160; the larger is for going on from the weights of the smaller. Two networks
    of it that were trained apart, joined by ``python -m ml join``, ship in ml/checkpoints/starter.

    Commands:  python -m ml train starter --set size=128 --data DATA/ham10000 --out FIRST
               python -m ml train starter --set size=128 --data DATA/ham10000 --start FIRST
                   --epochs 36 --out SECOND
               python -m ml train starter --data DATA/ham10000 --start SECOND --out OUT
    Hardware:  two CPU cores with bf16 instructions, shared with other work
    Hours:     1.1, 0.4 and 1.2
    Result:    balanced accuracy 0.688 (0.622 to 0.750) on the test part; ISIC 2017's images
               and two averaged workers in the last run differ (docs/starter.md)
    """
    tta, phase = choose("size", size, PHASES)
    return Recipe(
        name="starter",
        classes=taxonomy.HAM10000,
        architecture=Architecture(
            Backbone("resnet", {"stem": 48, "widths": [48, 96, 192, 384], "depths": [2, 2, 2, 2]}),
            Head("dnn", {"hidden": [256, 64], "dropout": 0.2}),
        ),
        preprocessing=Preprocessing(
            size=int(size), mean=(0.763, 0.546, 0.570), std=(0.141, 0.152, 0.169)
        ),
        training=Training(
            **phase, sampling=Sampling(balance=0.5), augmentation=Augmentation(mixup=0.3)
        ),
        tta=tta,
    )
