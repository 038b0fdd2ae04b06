"""A reading beside the patient's other images."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ml.checkpoints import describe, save_checkpoint
from ml.classifier import build_classifier
from ml.errors import PredictionError
from ml.patients import MOST, Others
from ml.predictor import Predictor
from ml.recipes import get_recipe, shrink

NOBODY = np.zeros((2, 2), dtype=bool)
BOTH = ~np.eye(2, dtype=bool)


def made(folder: Path, **options: str) -> Predictor:
    torch.manual_seed(0)
    recipe = shrink(get_recipe("efficientnet_b0_context", **options))
    model = build_classifier(recipe.architecture, len(recipe.classes)).eval()
    save_checkpoint(folder, model, describe(recipe, "test"))
    return Predictor(folder, "cpu")


@pytest.fixture(params=["attention", "patient_mean"])
def predictor(request, tmp_path):
    return made(tmp_path / "checkpoint", context=request.param)


@pytest.fixture
def batch(predictor):
    return torch.rand(2, 3, *predictor.manifest.preprocessing.shape)


def row(predictor, number=1.0):
    return np.full(predictor.width, number, dtype=np.float32)


def test_what_was_kept_of_the_others_counts(predictor, batch):
    alone = predictor.read(batch)
    others = Others.of_rows([[row(predictor)], []], NOBODY, predictor.width)
    assert others.counts() == [1, 0]
    beside = predictor.read(batch, others)
    assert not np.allclose(beside.scores[0], alone.scores[0])
    assert np.allclose(beside.scores[1], alone.scores[1], atol=1e-6)
    assert np.array_equal(beside.features, alone.features)


def test_images_read_together_see_what_was_just_seen(predictor, batch):
    """As if the one had been read and kept before the other."""
    kept = predictor.read(batch).features
    before = Others.of_rows([[kept[1]], [kept[0]]], NOBODY, predictor.width)
    together = Others.of_rows([[], []], BOTH, predictor.width)
    assert together.counts() == [1, 1]
    expected = predictor.read(batch, before).scores
    assert np.allclose(predictor.read(batch, together).scores, expected, atol=1e-5)


def test_nobody_beside_changes_nothing(predictor, batch):
    nobody = Others.of_rows([[], []], NOBODY, predictor.width)
    assert np.allclose(predictor.read(batch, nobody).scores, predictor.read(batch).scores)


def test_no_more_are_looked_at_than_in_training(predictor):
    rows = [row(predictor, number) for number in range(MOST + 5)]
    others = Others.of_rows([rows, rows], BOTH, predictor.width)
    assert others.counts() == [MOST, MOST]
    assert others.features.shape == (2, MOST - 1, predictor.width)
    assert others.features[0, :, 0].tolist() == list(range(MOST - 1))


def test_others_of_another_batch_or_model_are_refused(predictor, batch):
    for others in (
        Others.of_rows([[], [], []], np.zeros((3, 3), dtype=bool), predictor.width),
        Others.of_rows([[], []], NOBODY, predictor.width + 1),
    ):
        with pytest.raises(PredictionError, match="other images"):
            predictor.read(batch, others)


def test_a_model_without_context_ignores_them(checkpoint):
    predictor = Predictor(checkpoint, "cpu")
    assert not predictor.sees_patient
    batch = torch.rand(2, 3, 32, 32)
    others = Others.of_rows([[row(predictor)], []], BOTH, predictor.width)
    assert np.array_equal(predictor.read(batch, others).scores, predictor.read(batch).scores)
