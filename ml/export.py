"""Checkpoints for other runtimes: ONNX, and safetensors in half precision."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from ml.checkpoints import hash_file, load_classifier, load_statistics, save_checkpoint
from ml.classifier import Classifier
from ml.errors import RecipeError
from ml.manifest import MANIFEST, WEIGHTS, read_manifest
from ml.tta import average_answers, view_features

ONNX = "model.onnx"
OPSET = 20


class Exported(nn.Module):
    """Prepared images (B, 3, H, W) to scores (B, K) and features (B, D), all views averaged."""

    def __init__(self, model: Classifier, tta: str):
        super().__init__()
        self.model = model
        self.tta = tta

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = view_features(self.model, images, self.tta)
        scores, features = average_answers(self.model, seen), seen.float().mean(0)
        return scores.float(), features


def export_onnx(checkpoint: Path, out: Path) -> Path:
    """Write ``out``/model.onnx for batches of any size, with the manifest beside it.

    Raises RecipeError where the exporter is not installed, and for a model with parts that ONNX
    cannot say, or that looks at the patient's other lesions.
    """
    manifest = read_manifest(checkpoint)
    if manifest.architecture.context is not None:
        raise RecipeError(
            f"{manifest.recipe} looks at the patient's other lesions too, and an ONNX graph here "
            "has one picture as its input."
        )
    model = Exported(load_classifier(checkpoint), manifest.tta).eval()
    example = torch.zeros(2, 3, *manifest.preprocessing.shape)
    out.mkdir(parents=True, exist_ok=True)
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise RecipeError("ONNX needs: pip install -r requirements-training.txt.") from None
    # the exporter reports its own progress and what it plans to deprecate
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                model,
                (example,),
                out / ONNX,
                input_names=["images"],
                output_names=["scores", "features"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            raise RecipeError(f"{manifest.recipe} cannot be written as ONNX: {reason}") from error
    raw = manifest.raw | {"onnx": {"opset": OPSET, "sha256": hash_file(out / ONNX)}}
    (out / MANIFEST).write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")
    return out / ONNX


def export_half(checkpoint: Path, out: Path) -> Path:
    """Write ``out`` as the same checkpoint with matrices in fp16."""
    manifest = read_manifest(checkpoint)
    model = load_classifier(checkpoint)
    statistics = load_statistics(checkpoint)
    save_checkpoint(out, model, manifest.raw, half=True, statistics=statistics)
    return out / WEIGHTS
