"""How many prepared images a second one engine reads, in a process of its own, as JSON on one line.

``python -m tests.benchmarks.engine CHECKPOINT ENGINE BATCH...``, run by
``tests.benchmarks.inference``. "torch" is the Predictor of a worker, "onnx" is ONNX Runtime on what
``python -m ml export`` writes. The answers for the same pictures come with it, to be compared.
"""

import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from ml import taxonomy
from ml.calibration import calibrate
from ml.export import export_onnx
from ml.memory import keep_memory
from ml.predictor import Predictor
from tests.support.pictures import photographs

PICTURES = 64
SECONDS = 4.0  # of each measurement
MATRIX = 2048

Read = Callable[[torch.Tensor], np.ndarray]


def main() -> None:
    checkpoint, engine, *batches = sys.argv[1:]
    keep_memory()  # as a worker does
    predictor = Predictor(checkpoint)
    pictures = prepared(predictor)
    with tempfile.TemporaryDirectory() as folder:
        read = predictor.predict if engine == "torch" else onnx(Path(checkpoint), Path(folder))
        answers = np.concatenate([read(part) for part in pictures.split(8)])
        rates = {batch: rate(read, pictures, int(batch)) for batch in batches}
    labels = [taxonomy.BY_CODE[code].label for code in predictor.manifest.classes]
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    peak = peak_flops(predictor.device)
    each = flops(predictor, pictures)
    print(
        json.dumps(
            {
                "rates": rates,
                "peak_shares": {batch: found * each / peak for batch, found in rates.items()},
                "rss_mb": megabytes,
                "labels": [labels[index] for index in answers.argmax(1)],
            }
        )
    )


def prepared(predictor: Predictor) -> torch.Tensor:
    files = photographs(PICTURES)
    return torch.stack([predictor.prepare(Image.open(io.BytesIO(file))) for file in files])


def onnx(checkpoint: Path, folder: Path) -> Read:
    import onnxruntime

    file = export_onnx(checkpoint, folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    calibration = json.loads((folder / "manifest.json").read_text())["calibration"]

    def read(images: torch.Tensor) -> np.ndarray:
        scores, _features = session.run(None, {"images": images.numpy()})
        return calibrate(scores, calibration)

    return read


def rate(read: Read, pictures: torch.Tensor, batch: int) -> float:
    """Images a second, after one batch that is not counted."""
    parts = pictures.split(batch)
    read(parts[0])
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        part = parts[done // batch % (len(pictures) // batch)]
        read(part)
        done += len(part)
    return done / (time.perf_counter() - began)


def flops(predictor: Predictor, pictures: torch.Tensor) -> float:
    """Floating-point operations of one image, all views: a multiplication and an addition are 2."""
    with FlopCounterMode(display=False) as counter:
        predictor.predict(pictures[:1])
    return counter.get_total_flops()


def peak_flops(device: torch.device) -> float:
    """What the device does a second in the product of two large matrices, as the model computes."""
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    one = torch.randn(MATRIX, MATRIX, device=device, dtype=kind)
    for _warm in range(2):
        one @ one
    rounds, began = 0, time.perf_counter()
    while time.perf_counter() - began < 2:
        product = one @ one
        rounds += 1
    float(product[0, 0])  # waits for a GPU
    return rounds * 2 * MATRIX**3 / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
