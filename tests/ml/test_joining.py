"""Several checkpoints as one."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from ml.checkpoints import describe, load_classifier, save_checkpoint
from ml.classifier import build_classifier
from ml.cli import main
from ml.config import Backbone, Head, Preprocessing
from ml.errors import CheckpointError, RecipeError
from ml.explain import explain
from ml.joining import average, join
from ml.predictor import Predictor


@pytest.fixture
def another(tmp_path, recipe):
    torch.manual_seed(1)
    model = build_classifier(recipe.architecture, len(recipe.classes))
    save_checkpoint(tmp_path / "another", model, describe(recipe, "test"))
    return tmp_path / "another"


@pytest.fixture
def joined(tmp_path, checkpoint, another):
    join([checkpoint, another], tmp_path / "joined")
    return tmp_path / "joined"


def test_an_ensemble_answers_with_the_mean_of_its_members(joined, checkpoint, another):
    images = torch.randn(3, 3, 32, 32)
    answers = [load_classifier(one)(images).log_softmax(1) for one in (checkpoint, another)]
    assert not torch.allclose(*answers, atol=1e-2)
    # its matrices are stored in half precision
    assert torch.allclose(load_classifier(joined)(images), sum(answers) / 2, atol=2e-3)


def test_it_is_read_and_explained_like_any_model(joined, checkpoint, photograph):
    predictor = Predictor(joined, "cpu")
    answer = predictor.predict(predictor.prepare(photograph)[None])
    assert answer.sum() == pytest.approx(1)
    heat = explain(predictor, photograph, "mel")
    assert heat.shape == (photograph.height, photograph.width)
    assert np.isfinite(heat).all()
    single = Predictor(checkpoint, "cpu").manifest
    assert predictor.manifest.parameters == 2 * single.parameters


@pytest.mark.parametrize("make", [join, average])
def test_checkpoints_of_a_recipe_that_has_no_such_name_any_more_are_joined(
    tmp_path, recipe, model, make
):
    former = replace(recipe, name="starter_tiny")
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, model, describe(former, "test"))
    made = make([tmp_path / "a", tmp_path / "b"], tmp_path / "out", "2.0")
    assert (made.name, made.recipe, made.version) == ("starter_tiny", "starter_tiny", "2.0")
    assert (made.classes, made.metrics) == (former.classes, {})


def test_the_command_says_what_it_made(tmp_path, capsys, checkpoint, another):
    assert main(["join", str(checkpoint), str(another), "--out", str(tmp_path / "out")]) == 0
    assert "2 members" in capsys.readouterr().out
    alone, wanted = str(tmp_path / "alone"), {1: "Two checkpoints or more", 2: "is named twice"}
    for number, reason in wanted.items():
        assert main(["join", *[str(checkpoint)] * number, "--out", alone]) == 2
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "alone").exists()


def test_members_replace_no_checkpoint(tmp_path, capsys, joined):
    separate = ["separate", str(joined), "--out", str(tmp_path / "members")]
    assert main(separate) == 0
    shutil.rmtree(tmp_path / "members" / "1")
    before = (tmp_path / "members" / "2" / "manifest.json").read_bytes()
    assert main([*separate, "--version", "2.0.0"]) == 2
    assert "2 holds a checkpoint already" in capsys.readouterr().err
    assert (tmp_path / "members" / "2" / "manifest.json").read_bytes() == before
    assert not (tmp_path / "members" / "1").exists()


def test_the_mean_of_weights_is_one_network_of_the_same_size(tmp_path, capsys, checkpoint, another):
    out = tmp_path / "soup"
    assert main(["join", str(checkpoint), str(another), "--weights", "--out", str(out)]) == 0
    assert "2 members" in capsys.readouterr().out

    first, second, soup = (load_classifier(one).state_dict() for one in (checkpoint, another, out))
    for name, value in soup.items():
        if value.is_floating_point():
            # matrices are stored in half precision
            assert torch.allclose(value, (first[name] + second[name]) / 2, atol=1e-3)
    single, made = Predictor(checkpoint, "cpu").manifest, Predictor(out, "cpu").manifest
    assert (made.parameters, made.architecture) == (single.parameters, single.architecture)
    assert made.preprocessing == single.preprocessing


def test_only_weights_of_one_architecture_have_a_mean(tmp_path, recipe, checkpoint):
    backbone = Backbone("resnet", {"stem": 8, "widths": [8], "depths": [1]})
    other = replace(recipe, architecture=replace(recipe.architecture, backbone=backbone))
    model = build_classifier(other.architecture, len(other.classes))
    save_checkpoint(tmp_path / "other", model, describe(other, "test"))
    with pytest.raises(CheckpointError, match="another architecture"):
        average([checkpoint, tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("backbone", "error", "words"),
    [
        (Backbone("autoencoder", {"widths": [4, 8]}), CheckpointError, "maps"),
        (Backbone("resnet", {"stem": 8, "widths": [8], "depths": [1]}), CheckpointError, "maps"),
        (
            Backbone("vit", {"image_size": 32, "patch_size": 16, "size": "tiny"}),
            RecipeError,
            "convolutional",
        ),
    ],
)
def test_what_cannot_be_explained_together_is_not_joined(
    tmp_path, recipe, checkpoint, backbone, error, words
):
    other = replace(recipe, architecture=replace(recipe.architecture, backbone=backbone))
    model = build_classifier(other.architecture, len(other.classes))
    save_checkpoint(tmp_path / "other", model, describe(other, "test"))
    with pytest.raises(error, match=words):
        join([checkpoint, tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_members_see_the_same(tmp_path, recipe, model, checkpoint):
    larger = replace(recipe, preprocessing=Preprocessing(size=64))
    save_checkpoint(tmp_path / "larger", model, describe(larger, "test"))
    with pytest.raises(CheckpointError, match="preprocessing"):
        join([checkpoint, tmp_path / "larger"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_trees_have_no_mean(tmp_path, recipe):
    grown = replace(recipe, architecture=replace(recipe.architecture, head=Head("extra_trees")))
    model = build_classifier(grown.architecture, len(grown.classes))
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, model, describe(grown, "test"))
    with pytest.raises(CheckpointError, match="trees"):
        average([tmp_path / "a", tmp_path / "b"], tmp_path / "out")


def test_an_ensemble_is_separated_into_its_members(
    tmp_path, capsys, joined, checkpoint, another
) -> None:
    out = tmp_path / "members"
    assert main(["separate", str(joined), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    for place, member in (("1", checkpoint), ("2", another)):
        single, made = Predictor(member, "cpu").manifest, Predictor(out / place, "cpu").manifest
        assert (made.parameters, made.architecture) == (single.parameters, single.architecture)
        assert made.preprocessing == single.preprocessing
        assert f"{out / place}: {made.parameters:,} parameters" in shown
        images = torch.randn(3, 3, 32, 32)
        expected = load_classifier(member)(images)
        assert torch.allclose(load_classifier(out / place)(images), expected, atol=2e-3)

    assert main(["separate", str(checkpoint), "--out", str(tmp_path / "none")]) == 2
    assert "only an ensemble has members" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
