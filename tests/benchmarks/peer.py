"""The same network served by another library, in a process of its own, as JSON on one line.

``python -m tests.benchmarks.peer CHECKPOINT BATCH``, run by ``tests.benchmarks.inference``: the
image classification pipeline of transformers reads the files that a worker reads, with the same
weights, views and batch.
"""

import io
import json
import resource
import sys
import time

import torch
import transformers
from PIL import Image
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel, ViTImageProcessorPil, pipeline
from transformers.modeling_outputs import ImageClassifierOutput

from ml import taxonomy
from ml.checkpoints import load_classifier
from ml.predictor import Predictor
from ml.tta import average_answers, view_features
from tests.benchmarks.engine import PICTURES, SECONDS
from tests.support.pictures import photographs


class Served(PreTrainedModel):
    """One of our networks as the library wants it."""

    config_class = PreTrainedConfig

    def __init__(self, folder: str, predictor: Predictor) -> None:
        labels = [taxonomy.BY_CODE[code].label for code in predictor.manifest.classes]
        super().__init__(PreTrainedConfig(id2label=dict(enumerate(labels))))
        self.network, self.views = load_classifier(folder), predictor.manifest.tta
        # the library makes the weights of a new model anew
        weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.post_init()
        self.network.load_state_dict(weights)
        self.eval()

    def forward(self, pixel_values: Tensor) -> ImageClassifierOutput:
        seen = view_features(self.network, pixel_values, self.views)
        return ImageClassifierOutput(logits=average_answers(self.network, seen).float())


def main() -> None:
    predictor, batch = Predictor(sys.argv[1]), int(sys.argv[2])
    seen = predictor.manifest.preprocessing
    processor = ViTImageProcessorPil(
        size=dict(zip(("height", "width"), seen.shape, strict=True)),
        image_mean=list(seen.mean),
        image_std=list(seen.std),
    )
    read = pipeline(
        "image-classification",
        model=Served(sys.argv[1], predictor),
        image_processor=processor,
        device=predictor.device,
        batch_size=batch,
    )
    files = photographs(PICTURES)
    labels = [answer[0]["label"] for answer in read([opened(file) for file in files])]
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        done += len(read([opened(file) for file in files]))
    rate = done / (time.perf_counter() - began)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": rate, "rss_mb": megabytes, "labels": labels}))


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    # it says that it does not know this model
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    main()
