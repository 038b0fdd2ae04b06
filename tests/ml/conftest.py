"""A tiny recipe, a checkpoint of it, and a data set in HAM10000's layout."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml import taxonomy
from ml.checkpoints import describe, save_checkpoint
from ml.classifier import Classifier, build_classifier
from ml.config import Architecture, Backbone, Head, Preprocessing, Recipe, Training

LESIONS_PER_CLASS = 10
IMAGES_PER_LESION = 2


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def recipe() -> Recipe:
    return tiny_recipe()


def tiny_recipe() -> Recipe:
    """A network of seconds; child processes build it too."""
    return Recipe(
        name="starter",
        classes=taxonomy.HAM10000,
        architecture=Architecture(
            Backbone("resnet", {"stem": 8, "widths": [8, 16], "depths": [1, 1]}),
            Head("dnn", {"hidden": [16], "dropout": 0.1}),
        ),
        preprocessing=Preprocessing(size=32),
        training=Training(epochs=3, batch_size=16, warmup_epochs=1, learning_rate=3e-3),
        tta="dihedral",
    )


@pytest.fixture
def model(recipe: Recipe) -> Classifier:
    torch.manual_seed(0)
    return build_classifier(recipe.architecture, len(recipe.classes)).eval()


@pytest.fixture
def checkpoint(tmp_path: Path, recipe: Recipe, model: Classifier) -> Path:
    folder = tmp_path / "checkpoint"
    save_checkpoint(folder, model, describe(recipe, "test"))
    return folder


@pytest.fixture
def photograph() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (45, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def ham10000(tmp_path: Path) -> Path:
    """Each class a colour of its own, two images a lesion, one pair of near-duplicates."""
    folder, rng = tmp_path / "ham10000", np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, code in enumerate(taxonomy.HAM10000):
        colour = np.array([40 + 30 * number, 220 - 25 * number, 60 + 20 * (number % 3)])
        for index in range(LESIONS_PER_CLASS * IMAGES_PER_LESION):
            name = f"{code}_{index:02}"
            pixels = (colour + rng.normal(0, 10, (30, 40, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
            rows.append(
                {
                    "lesion_id": f"{code}_lesion_{index // IMAGES_PER_LESION}",
                    "image_id": name,
                    "dx": code,
                    "age": str(20 + 3 * index),
                    "sex": ("female", "male")[index % 2],
                    "localization": "back",
                }
            )
    write_csv(folder / "HAM10000_metadata.csv", rows)
    pair = {"similarity": "0.98", "from_img": "nv_00.jpg", "to_img": "mel_05.jpg"}
    write_csv(folder / "near_duplicates.csv", [pair])
    return folder


def write_csv(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
