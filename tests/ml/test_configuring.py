"""What settings may be: one table, one sentence for what lies outside it."""

import math
from dataclasses import fields, is_dataclass, replace

import pytest

from ml.cli import main
from ml.configuring import parse_setting, read_settings, with_settings
from ml.errors import RecipeError
from ml.ranges import OF_PARTS, RULES
from ml.recipes import RECIPES, get_recipe, shrink
from ml.tuning import Range, search_space


def leaves(part, path=""):
    """The paths of all fields that hold no further ones."""
    for field in fields(part):
        value, where = getattr(part, field.name), f"{path}{field.name}"
        if is_dataclass(value) and where != "architecture.context":
            yield from leaves(value, f"{where}.")
        else:
            yield where


def test_every_field_has_a_rule(recipe):
    assert set(leaves(recipe)) == set(RULES)
    assert not set(RULES) & set(OF_PARTS)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_keeps_to_the_rules(name):
    for recipe in (get_recipe(name), shrink(get_recipe(name))):
        assert with_settings(recipe, {}) == recipe
        for path, values in search_space(recipe).items():
            given = (values.low, values.high) if isinstance(values, Range) else values.values
            for value in given:
                with_settings(recipe, {path: value})


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("classes", 5, "'5' is no class set"),
        ("classes", None, "is no class set"),
        ("preprocessing", None, "holds others; set one of them: size"),
        ("preprocessing.size", 0, "a whole number of 8 or more"),
        ("preprocessing.size", None, "a whole number of 8 or more"),
        ("preprocessing.mean", [0.5], "three numbers"),
        ("preprocessing.std", [0.2, 0, 0.2], "three numbers above 0"),
        ("preprocessing.aspect", math.inf, "a number above 0"),
        ("preprocessing.aspect", 0.001, "less than a pixel of width"),
        ("training.epochs", 0, "a whole number of 1 or more"),
        ("training.epochs", True, "a whole number of 1 or more"),
        ("training.batch_size", 0, "a whole number of 2 or more"),
        ("training.batch_size", 1, "a whole number of 2 or more"),
        ("training.accumulate", 0, "a whole number of 1 or more"),
        ("training.accumulate", 16, "fewer than 2 images in a part"),
        ("training.precision", "fp8", "one of auto, no, bf16, fp16"),
        ("training.size", "abc", "a whole number of 8 or more, or null"),
        ("training.smaller", [0.5, 20], "a list of pairs"),
        ("training.smaller", [[0.5, 20.5]], "a list of pairs"),
        ("training.smaller", [[2, 20]], "a list of pairs"),
        ("training.momentum", 1.0, "a number from 0 to below 1"),
        ("training.learning_rate", math.nan, "a number above 0"),
        ("training.learning_rate", -1e-3, "a number above 0"),
        ("training.learning_rate", None, "a number above 0"),
        ("training.weight_decay", -0.1, "a number of 0 or more"),
        ("training.warmup_epochs", -1, "a whole number of 0 or more"),
        ("training.schedule", None, "holds others"),
        ("training.schedule.name", "linear", "one of constant, step, cosine"),
        ("training.schedule.epochs", 0, "a whole number of 1 or more"),
        ("training.schedule.factor", 0, "a number above 0, up to 1"),
        ("training.schedule.growth", 0.5, "a number of 1 or more"),
        ("training.loss.weights", {"mel": "much"}, "an object of classes and numbers"),
        ("training.label_smoothing", 1, "a number from 0 to below 1"),
        ("training.sampling.balance", 2, "a number from 0 to 1"),
        ("training.sampling.per_patient", 0, "a whole number of 1 or more"),
        ("training.sampling.positive", [], "a list of class codes"),
        ("training.ema_decay", 1, "a number from 0 to below 1"),
        ("training.gradient_clip", 0, "a number above 0"),
        ("training.fractions", [0.8, 0.2], "three shares that sum to 1"),
        ("training.fractions", [0.0, 0.5, 0.5], "three shares that sum to 1"),
        ("training.fractions", [1.2, -0.1, -0.1], "three shares that sum to 1"),
        ("training.fractions", [0.8, 0.1, 0.2], "three shares that sum to 1"),
        ("training.augmentation.scale", [0, 1], "two numbers above 0"),
        ("training.augmentation.flip", 1, "true or false"),
        ("training.augmentation.blur", -1, "a number of 0 or more"),
        ("training.augmentation.hair_share", -0.1, "a number from 0 to 1"),
        ("training.augmentation.dropout_share", 1.5, "a number from 0 to 1"),
        ("training.augmentation.mixup", -1, "0, or a number of 0.05 or more"),
        ("training.augmentation.mixup", 0.01, "0, or a number of 0.05 or more"),
        ("training.context_refresh", 0, "a whole number of 1 or more"),
        ("training.pretrained", 5, "a word, or null"),
        ("training.seed", -1, "a whole number from 0 to"),
        ("architecture", None, "holds others"),
        ("architecture.backbone.options", None, "an object of options"),
        ("architecture.backbone.options.widths", [], "a list of whole numbers of 1 or more"),
        ("architecture.backbone.options.a.b", 1, "'a' is unknown"),
        ("architecture.head.options.dropout", 5.0, "a number from 0 to below 1"),
        ("architecture.head.options.hidden", [0], "a list of whole numbers"),
        ("architecture.context", "attention", "null, or has a name"),
    ],
)
def test_what_is_out_of_range_is_one_sentence_with_its_name(recipe, path, value, says):
    with pytest.raises(RecipeError) as refused:
        with_settings(recipe, {path: value})
    assert says in str(refused.value)
    assert path == "classes" or path in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_a_recipe_had_before_is_checked_too(recipe):
    training = replace(recipe.training, batch_size=0)
    with pytest.raises(RecipeError, match=r"training\.batch_size.* 0 is not"):
        with_settings(replace(recipe, training=training), {})


def test_whole_numbers_do_for_fractions_and_lists_for_tuples():
    still = get_recipe("resnet18")  # its augmentation has zeros
    changed = with_settings(still, {"training.augmentation.stretch": 0.1})
    assert changed.training.augmentation.stretch == 0.1
    changed = with_settings(still, {"training.smaller": [[0.5, 128]], "training.gradient_clip": 2})
    assert changed.training.smaller == ((0.5, 128),)
    assert isinstance(changed.training.gradient_clip, float)


@pytest.mark.parametrize(
    ("name", "path", "value", "says"),
    [
        ("vit_h14_dnn", "training.size", 42, "'training.size' gives 42 x 42"),
        ("vit_h14_dnn", "training.smaller", [[0.5, 112]], "'training.smaller' gives 112 x 112"),
        ("cae_extratrees", "preprocessing.size", 30, "multiples of 16.*gives 30 x 30"),
        ("cae_extratrees", "training.size", 72, "multiples of 16.*'training.size' gives 72"),
        ("cae_extratrees", "preprocessing.aspect", 1.05, "multiples of 16"),
    ],
)
def test_pictures_fit_the_backbone_in_training_too(name, path, value, says):
    with pytest.raises(RecipeError, match=says):
        with_settings(get_recipe(name), {path: value})


@pytest.mark.parametrize(
    ("name", "path", "value", "says"),
    [
        ("starter", "training.loss.name", "reconstruction", "for auto-encoders"),
        ("cae_extratrees", "training.loss.name", "cross_entropy", "is for auto-encoders"),
        ("cae_extratrees", "training.freeze_epochs", 1, "'training.freeze_epochs' is 0 here"),
    ],
)
def test_the_loss_fits_what_the_network_gives(name, path, value, says):
    with pytest.raises(RecipeError, match=says):
        with_settings(get_recipe(name), {path: value})


def test_both_ways_to_change_a_setting_are_checked(tmp_path, capsys):
    (tmp_path / "a.json").write_text('{"training.schedule.epochs": 0}')
    begin = ["train", "starter", "--tiny", "--data", str(tmp_path), "--out", str(tmp_path / "x")]
    assert main([*begin, "--set", "training.batch_size=0"]) == 2
    assert main([*begin, "--config", str(tmp_path / "a.json")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert "'training.batch_size' is a whole number of 2 or more, and 0 is not." in errors[0]
    assert "'training.schedule.epochs'" in errors[1]


def test_settings_that_are_no_json_are_words_or_refused(tmp_path):
    digits = "9" * 5000
    assert parse_setting(f"training.seed={digits}") == ("training.seed", digits)
    (tmp_path / "a.json").write_bytes(b"\xff")
    with pytest.raises(RecipeError, match="is no JSON"):
        read_settings(tmp_path / "a.json")
