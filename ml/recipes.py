"""The recipes: each a function that returns a complete, frozen configuration.

To add one, write such a function and decorate it with ``@recipe``.
"""

from __future__ import annotations

from collections.abc import Callable

from ml import taxonomy
from ml.config import Architecture, Augmentation, Backbone, Head, Preprocessing, Recipe, Training
from ml.errors import RecipeError

RECIPES: dict[str, Callable[[], Recipe]] = {}


def recipe(function: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Register a recipe under its function's name."""
    RECIPES[function.__name__] = function
    return function


def get_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe '{name}'; there are: {', '.join(sorted(RECIPES))}.")
    return RECIPES[name]()


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
            balance=0.5,
            augmentation=Augmentation(mixup=0.3),
        ),
        tta="dihedral",
    )
