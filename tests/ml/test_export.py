"""Another runtime gives the same answer."""

import json

import numpy as np
import pytest
import torch

from ml.calibration import calibrate
from ml.export import export_half, export_onnx
from ml.manifest import read_manifest
from ml.predictor import Predictor


@pytest.mark.filterwarnings("ignore")
def test_onnxruntime_gives_the_predictors_answer(checkpoint, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    file = export_onnx(checkpoint, tmp_path / "onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    images = torch.randn(3, 3, 32, 32)
    scores, features = session.run(None, {"images": images.numpy()})
    raw = json.loads((tmp_path / "onnx" / "manifest.json").read_text())
    answer = Predictor(checkpoint).read(images)
    assert np.allclose(calibrate(scores, raw["calibration"]), answer.probabilities, atol=1e-5)
    assert np.allclose(features, answer.features, atol=1e-4)


def test_half_precision_gives_nearly_the_same_answer(checkpoint, tmp_path):
    export_half(checkpoint, tmp_path / "half")
    images = torch.randn(2, 3, 32, 32)
    whole, half = (Predictor(f).predict(images) for f in (checkpoint, tmp_path / "half"))
    assert np.allclose(whole, half, atol=5e-3)
    sizes = [(f / "model.safetensors").stat().st_size for f in (checkpoint, tmp_path / "half")]
    assert sizes[1] < 0.7 * sizes[0]
    assert read_manifest(tmp_path / "half").classes == read_manifest(checkpoint).classes
