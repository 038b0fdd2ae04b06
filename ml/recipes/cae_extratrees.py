"""A convolutional auto-encoder, and extremely randomised trees on what it keeps of a picture."""

from __future__ import annotations

from ml import taxonomy
from ml.config import Architecture, Backbone, Head, Loss, Preprocessing, Recipe, Training
from ml.recipes.registry import recipe


@recipe
def cae_extratrees() -> Recipe:
    """Convolutional auto-encoder at 128 px, extra-trees on its features, malignant or not.

    The encoder learns to draw the picture again, without labels; then the trees are grown.

    Command:   python -m ml train cae_extratrees --data DATA --out OUT
    Hardware:  CPU
    Hours:     0.7, on one core
    Result:    malignant AUC 0.895 (0.870 to 0.920) on the test part of HAM10000 (docs/models.md)
    Published: the shape of the encoder and the figures of the system could not be verified
    """
    return Recipe(
        name="cae_extratrees",
        classes=taxonomy.MALIGNANT_OR_NOT,
        architecture=Architecture(
            Backbone("autoencoder", {"widths": [32, 64, 128, 128], "grid": 4}),
            Head("extra_trees", {"trees": 200, "leaves": 512}),
        ),
        preprocessing=Preprocessing(size=128),
        training=Training(
            epochs=30,
            batch_size=64,
            learning_rate=1e-3,
            warmup_epochs=1,
            loss=Loss("reconstruction"),
        ),
        tta="none",
    )
