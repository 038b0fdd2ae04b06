"""What a run needs to go on as if it had not been stopped, and what it meets on the way."""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from ml.augmentation.canvas import as_read, to_canvas
from ml.classifier import build_classifier
from ml.cli import main
from ml.config import Context, Preprocessing
from ml.configuring import with_settings
from ml.data import read_dataset
from ml.data.cache import load_cache
from ml.data.isic import read_isic2020
from ml.data.preparing import prepare_datasets, split_datasets
from ml.data.samples import Sample
from ml.data.splits import Splits, split
from ml.errors import TrainingError
from ml.fitting import RUN, fit, with_epochs
from ml.patients import PatientFeatures
from ml.preprocessing import normalise, to_pixels
from ml.recipes import RECIPES, get_recipe, shrink
from tests.ml.conftest import write_csv


@pytest.fixture
def patients(ham10000, tmp_path):
    """Three images a patient, each patient with one kind of lesion."""
    folder = tmp_path / "patients"
    (ham10000 / "images").rename(folder)
    names = sorted(path.stem for path in folder.iterdir())
    rows = [
        {"image": name, "label": name.partition("_")[0], "patient_id": f"{name[:3]}{k // 3}"}
        for k, name in enumerate(names)
    ]
    write_csv(folder / "labels.csv", rows)
    return split(read_dataset(folder).samples, (0.6, 0.2, 0.2), 0)


@pytest.fixture
def with_context(recipe):
    training = replace(recipe.training, epochs=4, context_refresh=2)
    architecture = replace(recipe.architecture, context=Context("attention", {"heads": 2}))
    return replace(recipe, architecture=architecture, training=training)


@pytest.fixture
def parts(ham10000):
    return split(read_dataset(ham10000).samples, (0.6, 0.2, 0.2), 0)


def stop_after(epochs):
    def report(epoch, score):
        if epoch == epochs:
            raise KeyboardInterrupt

    return report


def weights_of(out):
    return torch.load(out / RUN / "state.pt", weights_only=True)["trainer"]["model"]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_run_with_context_goes_on_between_its_refreshes(with_context, patients, tmp_path, epochs):
    fit(with_context, patients, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(with_context, patients, tmp_path / "stopped", report=stop_after(epochs))
    fit(with_context, patients, tmp_path / "stopped", resume=True)
    whole, stopped = weights_of(tmp_path / "whole"), weights_of(tmp_path / "stopped")
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_the_others_are_seen_in_training_as_in_reading(
    with_context, patients, tmp_path, monkeypatch
):
    shapes, original = set(), PatientFeatures.refresh

    def refresh(self, model, device, size):
        hook = model.backbone.register_forward_pre_hook(lambda _, given: shapes.add(given[0].shape))
        original(self, model, device, size)
        hook.remove()

    monkeypatch.setattr(PatientFeatures, "refresh", refresh)
    fit(with_epochs(with_context, 1), patients, tmp_path)
    assert {shape[1:] for shape in shapes} == {(3, 32, 32)}


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (Preprocessing(size=64), (300, 225)),
        (Preprocessing(size=64, resize="whole", aspect=4 / 3), (300, 225)),
        (Preprocessing(size=64, resize="whole", aspect=4 / 3), (256, 256)),
        (Preprocessing(size=64, resize="squash"), (256, 256)),
    ],
)
def test_a_canvas_shows_what_is_read(config, size):
    ramp = np.linspace(0, 255, size[0]) + np.zeros((size[1], 1))
    image = Image.fromarray(np.stack([ramp, ramp.mean() + 0 * ramp, 255 - ramp], 2).astype("uint8"))
    canvas = torch.from_numpy(to_canvas(image, config)).permute(2, 0, 1)[None]
    seen = as_read(canvas, config)[0].permute(1, 2, 0).numpy()
    wanted = to_pixels(image, config).astype(float)
    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted).max() < 4


def test_a_duplicate_does_not_make_two_patients_one(tmp_path):
    rows = [(f"{p}{k}", f"P{p}") for p in "ABC" for k in (1, 2)]
    truth = [
        {"image_name": name, "patient_id": patient, "diagnosis": "nevus", "target": "0"}
        for name, patient in rows
    ]
    write_csv(tmp_path / "truth.csv", truth)
    pairs = [{"image_name_1": "A1", "image_name_2": "B1"}]
    write_csv(tmp_path / "ISIC_2020_Training_Duplicates.csv", pairs)
    samples = read_isic2020(tmp_path, tmp_path / "truth.csv").samples
    assert samples[0].group == samples[2].group
    members = PatientFeatures(SimpleNamespace(samples=samples)).members
    assert [[samples[m].path.stem for m in found] for found in members[:3]] == [
        ["A1", "A2"],
        ["A1", "A2"],
        ["B1", "B2"],
    ]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_broken_file_that_is_alone_in_its_batch_is_listed(recipe, parts, tmp_path):
    validation = parts.validation[:17]
    cut(validation[-1].path)
    short = with_epochs(recipe, 1)
    for memory in (8.0, 0.0):
        out = tmp_path / str(memory)
        skipped = fit(short, Splits(parts.train, validation, []), out, memory=memory)
        assert [line.partition(":")[0] for line in skipped] == [validation[-1].path.name]


def test_a_run_goes_on_with_the_files_that_it_could_read(recipe, parts, tmp_path):
    cut(parts.train[0].path)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, parts, tmp_path, memory=8.0, report=stop_after(1))
    with pytest.raises(TrainingError, match="the same --memory"):
        fit(recipe, parts, tmp_path, memory=0.0, resume=True)
    fit(recipe, parts, tmp_path, memory=8.0, resume=True)


def test_pixels_of_what_can_be_read_stand_in_order(parts, tmp_path):
    samples = parts.train[:5]
    for number in (0, 3):
        samples[number].path.write_bytes(b"no image")
    config = Preprocessing(size=8)
    cache = load_cache(samples, get_recipe("starter").classes, partial(to_pixels, config=config))
    assert [sample.path for sample in cache.samples] == [samples[k].path for k in (1, 2, 4)]
    for sample, pixels in zip(cache.samples, cache.pixels, strict=True):
        with Image.open(sample.path) as image:
            wanted = to_pixels(image, config)
        np.testing.assert_array_equal(pixels.permute(1, 2, 0).numpy(), wanted)
    nothing = load_cache([Sample(tmp_path / "gone.png", "nv", "")], ("nv",), to_pixels)
    assert len(nothing.pixels) == 0


def test_an_auto_encoder_is_scored_by_what_it_draws_of_the_validation_part(ham10000, tmp_path):
    recipe = with_settings(
        shrink(get_recipe("cae_extratrees")), {"training.epochs": 3, "training.precision": "no"}
    )
    datasets = prepare_datasets([ham10000], recipe.classes, {})
    parts = split_datasets(datasets, (0.6, 0.2, 0.2), 0)
    heard = []
    fit(recipe, parts, tmp_path, report=lambda epoch, score: heard.append(score))
    assert len(set(heard)) == 3
    model = build_classifier(recipe.architecture, len(recipe.classes)).eval()
    model.load_state_dict(torch.load(tmp_path / RUN / "state.pt")["trainer"]["ema"])
    size, lost = recipe.preprocessing, []
    for sample in parts.validation:
        with Image.open(sample.path) as image:
            pixels = torch.from_numpy(to_pixels(image, size)).permute(2, 0, 1)[None]
        picture = normalise(pixels, size)
        with torch.inference_mode():
            lost.append(float((model.backbone.draw(picture) - picture).square().mean()))
    assert heard[-1] == pytest.approx(-sum(lost) / len(lost), rel=1e-4)


def test_a_search_does_not_go_on_with_other_images(recipe, ham10000, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(RECIPES, "starter", lambda: recipe)
    out = tmp_path / "search"
    tune = ["tune", "starter", "--data", str(ham10000), "--out", str(out), "--trials", "1"]
    assert main([*tune, "--epochs", "1"]) == 0
    best = json.loads((out / "best.json").read_text())
    next((ham10000 / "images").glob("nv_*.png")).rename(ham10000 / "images" / "nv_99.png")
    table = ham10000 / "HAM10000_metadata.csv"
    table.write_text(table.read_text().replace("nv_00", "nv_99"))
    assert main([*tune, "--epochs", "1"]) == 2
    assert "holds another search (images differ)" in capsys.readouterr().err
    assert json.loads((out / "best.json").read_text()) == best
