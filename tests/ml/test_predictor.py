"""What a worker relies on."""

import json

import numpy as np
import pytest
import torch

from ml import manifest, tta
from ml.errors import PredictionError
from ml.predictor import Predictor


@pytest.fixture
def predictor(checkpoint):
    return Predictor(checkpoint, "cpu")


def test_rows_are_probabilities(predictor, photograph):
    batch = torch.stack([predictor.prepare(photograph)] * 3)
    answer = predictor.predict(batch)
    assert answer.shape == (3, 7)
    assert answer.dtype == np.float64
    assert np.abs(answer.sum(1) - 1).max() < 1e-9
    assert (answer >= 0).all()


def test_an_image_gets_the_same_answer_in_any_batch(predictor):
    batch = torch.randn(5, 3, 32, 32)
    alone = np.concatenate([predictor.predict(image[None]) for image in batch])
    assert np.allclose(predictor.predict(batch), alone, atol=1e-6)


@pytest.mark.parametrize(
    "turn", [lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.rot90(1, (-2, -1))]
)
def test_turning_the_image_changes_nothing(predictor, turn):
    images = torch.randn(2, 3, 32, 32)
    assert np.allclose(predictor.predict(images), predictor.predict(turn(images)), atol=1e-5)


def test_temperature_softens(checkpoint):
    images = torch.randn(2, 3, 32, 32)
    sharp = Predictor(checkpoint).predict(images)
    file = checkpoint / "manifest.json"
    file.write_text(
        json.dumps(json.loads(file.read_text()) | {"calibration": {"temperature": 9.0}})
    )
    soft = Predictor(checkpoint).predict(images)
    assert (soft.max(1) < sharp.max(1)).all()
    assert (soft.argmax(1) == sharp.argmax(1)).all()


def test_what_is_not_a_number_is_an_error(predictor):
    with pytest.raises(PredictionError, match="not a number"):
        predictor.predict(torch.full((1, 3, 32, 32), float("nan")))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 3, 16, 16), (1, 1, 32, 32)])
def test_a_batch_of_the_wrong_shape_is_an_error(predictor, shape):
    with pytest.raises(PredictionError, match=r"\(B, 3, 32, 32\)"):
        predictor.predict(torch.zeros(shape))


def test_the_manifest_knows_the_same_views():
    assert {name: len(views) for name, views in tta.VIEWS.items()} == manifest.VIEWS


def test_an_empty_batch_is_no_work(predictor):
    assert predictor.predict(torch.zeros(0, 3, 32, 32)).shape == (0, 7)


@pytest.mark.parametrize("views", sorted(tta.VIEWS))
@pytest.mark.parametrize("shape", [(32, 32), (32, 48)])
def test_an_image_alone_is_seen_as_beside_others(model, views, shape):
    images = torch.rand(3, 3, *shape)
    with torch.inference_mode():
        together, outline = tta.look(model, images, views)
        alone = [tta.look(model, image[None], views)[0] for image in images]
    assert outline is None
    assert together.shape[:2] == (len(tta.VIEWS[views]), 3)
    torch.testing.assert_close(torch.cat(alone, 1), together)
    torch.testing.assert_close(tta.view_features(model, images, views), together)
