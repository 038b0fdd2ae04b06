"""EfficientNet-B0 that also looks at the patient's other lesions."""

from __future__ import annotations

from ml import taxonomy
from ml.config import Architecture, Backbone, Context, Head, Recipe, Sampling, Training
from ml.recipes.preprocessings import imagenet
from ml.recipes.registry import choose, recipe

CONTEXTS = {
    "attention": Context("attention", {"heads": 8}),
    "patient_mean": Context("patient_mean"),
    "none": None,
}


@recipe
def efficientnet_b0_context(context: str = "attention", pretrained: str = "imagenet") -> Recipe:
    """EfficientNet-B0 at 224 px with the patient's other lesions, malignant or not.

    ``context`` is attention (8 heads over the others, residual, layer norm), patient_mean (the
    mean over the patient's lesions, concatenated) or none. A batch holds several images of each
    patient; the features of the others are computed again before each epoch.

    Command:   python -m ml train efficientnet_b0_context --data DATA --out OUT
    Hardware:  one GPU with 12 GB or more
    Hours:     not measured
    Result:    this project has not trained it in full
    Published: the figures of the system could not be verified
    """
    return Recipe(
        name="efficientnet_b0_context",
        classes=taxonomy.MALIGNANT_OR_NOT,
        architecture=Architecture(
            Backbone("keras", {"name": "EfficientNetB0", "image_size": 224}),
            Head("linear"),
            choose("context", context, CONTEXTS),
        ),
        preprocessing=imagenet(224),
        training=Training(
            epochs=30,
            batch_size=32,
            learning_rate=1e-4,
            warmup_epochs=2,
            sampling=Sampling("contextual", per_patient=4, positive=("malignant",)),
            context_refresh=1,
            pretrained=pretrained,
        ),
        tta="flips",
    )
