"""Checkpoints come back as they were written, and bad ones are refused with a reason."""

import json
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch

from ml.cards import render_card
from ml.checkpoints import describe, load_classifier, save_checkpoint
from ml.config import Preprocessing
from ml.errors import CheckpointError
from ml.manifest import read_manifest


def change(folder, **fields):
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_a_loaded_model_answers_the_same(checkpoint, model):
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(load_classifier(checkpoint)(images), model(images))


def test_half_precision_loads_as_fp32(tmp_path, recipe, model):
    save_checkpoint(tmp_path, model, describe(recipe, "half"), half=True)
    loaded = load_classifier(tmp_path)
    images = torch.randn(2, 3, 32, 32)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert torch.allclose(loaded(images), model(images), atol=1e-2)


@contextmanager
def room_for(number):
    """No file may grow beyond this number of bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 4096])
def test_a_disk_that_is_full_is_said_and_nothing_half_stays(tmp_path, recipe, model, room):
    out = tmp_path / "out"
    with room_for(room), pytest.raises(CheckpointError, match=r"out cannot be written: .+\.$"):
        save_checkpoint(out, model, describe(recipe, "test"))
    assert list(out.iterdir()) == []


def test_a_checkpoint_stays_when_another_does_not_fit_over_it(checkpoint, recipe, model):
    before = {file.name: file.read_bytes() for file in checkpoint.iterdir()}
    with room_for(4096), pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(checkpoint, model, describe(recipe, "other"))
    assert {file.name: file.read_bytes() for file in checkpoint.iterdir()} == before
    load_classifier(checkpoint)


def test_a_folder_that_cannot_be_made_is_said(tmp_path, recipe, model):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "out", model, describe(recipe, "test"))


def test_manifest_of_an_untrained_model(checkpoint, recipe, model):
    manifest = read_manifest(checkpoint)
    assert manifest.classes == recipe.classes
    assert manifest.architecture == recipe.architecture
    assert manifest.preprocessing == recipe.preprocessing
    assert manifest.metrics == {}
    assert manifest.raw["sha256"] == manifest.sha256
    assert "must not be used" in (checkpoint / "MODEL_CARD.md").read_text()


def test_another_weights_file_is_refused(checkpoint):
    file = checkpoint / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_classifier(checkpoint)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl", "last.ckpt"])
def test_pickles_are_refused(checkpoint, name):
    (checkpoint / "model.safetensors").rename(checkpoint / name)
    with pytest.raises(CheckpointError, match="could run code"):
        load_classifier(checkpoint)


def test_missing_weights_are_named(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        load_classifier(checkpoint)


def test_tensors_that_do_not_fit_are_refused(checkpoint):
    change(checkpoint, classes=["mel", "nv"])
    with pytest.raises(CheckpointError, match="do not fit"):
        load_classifier(checkpoint)


def test_a_file_that_is_no_safetensors_is_refused(checkpoint):
    from ml.checkpoints import hash_file

    (checkpoint / "model.safetensors").write_bytes(b"nothing of the kind")
    change(checkpoint, sha256=hash_file(checkpoint / "model.safetensors"))
    with pytest.raises(CheckpointError, match="no valid safetensors"):
        load_classifier(checkpoint)


SEEN = Preprocessing(size=32).to_dict()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"classes": ["mel", "wart"]}, "not known: 'wart'"),
        ({"classes": ["mel", "mel"]}, "each named once"),
        ({"format": 99}, "format 99"),
        ({"parameters": "many"}, "'parameters' of the wrong type"),
        ({"thresholds": {"malignancy_medium": 2}}, "threshold 'malignancy_medium'"),
        ({"calibration": {"temperature": 0}}, "temperature"),
        ({"architecture": {"backbone": {}}}, "no model that can be built"),
        ({"accepted": {"not_a_lesion": 0.99}}, "accepted share 'unfamiliar'"),
        ({"accepted": 0.99}, "accepted share 'not_a_lesion'"),
        ({"test_time_augmentation": "spin"}, "'spin'"),
        ({"preprocessing": SEEN | {"resize": "bend"}}, "'bend'"),
        ({"preprocessing": SEEN | {"aspect": 0}}, "aspect above 0"),
        ({"preprocessing": SEEN | {"aspect": "wide"}}, "a number as aspect"),
        ({"preprocessing": SEEN | {"size": float("nan")}}, "a whole number as size"),
        ({"preprocessing": SEEN | {"size": 32.5}}, "a whole number as size"),
        ({"preprocessing": SEEN | {"mean": [0.5]}}, "three numbers as mean"),
        ({"preprocessing": SEEN | {"std": [1, 0, 1]}}, "three numbers above 0 as std"),
        ({"architecture": {"backbone": [1]}}, "no model that can be built"),
        ({"architecture": {"backbone": {"name": "vit"}, "head": None}}, "no model that can"),
        ({"classes": [[1]]}, "not known"),
        ({"classes": [{}, "mel"]}, "not known"),
        ({"thresholds": {"malignancy_medium": True}}, "threshold 'malignancy_medium'"),
        ({"calibration": {"temperature": float("inf")}}, "temperature"),
        ({"calibration": {"temperature": 1, "bias": None}}, "calibration bias"),
        ({"calibration": {"temperature": 1, "bias": [float("nan")] * 7}}, "calibration bias"),
        ({"calibration": {"temperature": 1, "prior": "x"}}, "prior of the calibration"),
        ({"calibration": {"temperature": 1, "lead": [0, 1]}}, "calibration lead"),
        ({"calibration": {"temperature": 1, "lead": [-0.5] * 7}}, "lead of 0 or more"),
        ({"refusal": None}, "thresholds of refusal"),
        ({"refusal": {"unfamiliar": None}}, "thresholds of refusal"),
        ({"outline": None}, "thresholds of the outline"),
        ({"outline": [1]}, "thresholds of the outline"),
        ({"operating_points": 5}, "each operating point"),
        ({"operating_points": [{"target": "malignant"}]}, "each operating point"),
        ({"intended_range": None}, "'intended_range' of the wrong type"),
        ({"changes": {}}, "'changes' of the wrong type"),
    ],
)
def test_wrong_manifests_are_refused(checkpoint, fields, reason):
    change(checkpoint, **fields)
    with pytest.raises(CheckpointError, match=reason):
        read_manifest(checkpoint)


def test_the_card_of_an_older_manifest_says_what_it_was_fitted_with(checkpoint):
    change(checkpoint, refusal={"not_a_lesion": 3.3, "unfamiliar": 2.4})
    assert "than those of 99.5% of the validation images" in render_card(read_manifest(checkpoint))
    change(checkpoint, accepted={"not_a_lesion": 0.99, "unfamiliar": 0.95})
    card = render_card(read_manifest(checkpoint))
    assert "than those of 99.0% of the validation images" in card
    assert "beyond 95.0% it is read with a warning" in card


def test_a_field_left_out_is_named(checkpoint):
    raw = json.loads((checkpoint / "manifest.json").read_text())
    del raw["limits"]
    (checkpoint / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(CheckpointError, match="lacks the field 'limits'"):
        read_manifest(checkpoint)


def test_invalid_json_and_missing_manifest(checkpoint):
    (checkpoint / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match="not valid JSON"):
        read_manifest(checkpoint)
    (checkpoint / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        read_manifest(checkpoint)


def test_the_web_process_never_loads_torch():
    modules = "manifest, taxonomy, synthetic, errors, recipes, cards, cli".replace(", ", ", ml.")
    code = f"import sys, ml.{modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
