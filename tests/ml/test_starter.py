"""The checkpoint that ships with the repository."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml import taxonomy
from ml.cards import render_card
from ml.checkpoints import STARTER, hash_file, load_classifier
from ml.manifest import read_manifest
from ml.predictor import Predictor
from ml.refusal import NOT_A_LESION, verdict
from ml.synthetic import draw_lesion


@pytest.fixture(scope="module")
def starter():
    return Predictor(STARTER, "cpu")


@pytest.fixture
def originals() -> Path:
    """45 photographs that are not in the repository (see docs/starter.md)."""
    beside = Path(__file__).parents[2] / ".." / "shared" / "data"
    folder = Path(os.environ.get("NEVUS_DATA", beside)) / "originals"
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder}; set NEVUS_DATA to have them")
    return folder


def verdicts(starter: Predictor, paths: list[Path]) -> list[str]:
    scores = [
        starter.read(starter.prepare(Image.open(path))[None]).outlier_scores[0] for path in paths
    ]
    return [verdict(score, starter.manifest.refusal) for score in scores]


def test_it_is_what_its_manifest_says():
    manifest = read_manifest(STARTER)
    assert manifest.classes == taxonomy.HAM10000
    assert manifest.sha256 == hash_file(STARTER / "model.safetensors")
    assert manifest.parameters == sum(p.numel() for p in load_classifier(STARTER).parameters())
    assert manifest.data["licence"] == "CC BY-NC 4.0"
    assert sum(f.stat().st_size for f in STARTER.iterdir()) < 30e6


def test_its_card_is_up_to_date():
    assert (STARTER / "MODEL_CARD.md").read_text() == render_card(read_manifest(STARTER))


def test_it_reads_a_drawing(starter):
    batch = torch.stack([starter.prepare(draw_lesion("nv", seed)) for seed in range(2)])
    answer = starter.predict(batch)
    assert np.abs(answer.sum(1) - 1).max() < 1e-9


def test_it_refuses_a_drawing_without_colours(starter):
    drawn = draw_lesion("nv", 0)
    grey = drawn.convert("L").convert("RGB")
    answer = starter.read(torch.stack([starter.prepare(image) for image in (drawn, grey)]))
    assert answer.chromas[0] > 0.05
    assert answer.chromas[1] == pytest.approx(0, abs=1e-6)
    refused = [verdict(score, starter.manifest.refusal) for score in answer.outlier_scores]
    assert refused[1] == NOT_A_LESION
    assert answer.outlier_scores[0] < answer.outlier_scores[1]


def test_it_is_right_on_most_real_photographs(starter, originals):
    paths = sorted(originals.glob("*.jpg"))
    batch = torch.stack([starter.prepare(Image.open(path)) for path in paths])
    answer = starter.predict(batch)
    assert answer.shape == (len(paths), 7)
    assert np.isfinite(answer).all()


def test_it_refuses_other_photographs_and_no_lesion(starter, originals):
    others = sorted((originals.parent / "not-lesion").iterdir())
    assert len(others) == 10
    # the cat's face lies at the limit itself
    assert verdicts(starter, others).count(NOT_A_LESION) >= 9
    assert NOT_A_LESION not in verdicts(starter, sorted(originals.glob("*.jpg")))
