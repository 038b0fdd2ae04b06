"""A search proposes, ends what is hopeless, and goes on where it was stopped."""

import json

import pytest

from ml.cli import main
from ml.config import Recipe
from ml.configuring import parse_setting, read_settings, with_settings
from ml.data import read_dataset
from ml.data.splits import split
from ml.errors import DivergedError, RecipeError, TrainingError
from ml.recipes import RECIPES, get_recipe
from ml.tuning import search_space, tune


@pytest.fixture
def parts(ham10000):
    return split(read_dataset(ham10000).samples, (0.6, 0.2, 0.2), 0)


def test_a_search_goes_on_and_its_best_can_be_trained(
    recipe, ham10000, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(RECIPES, "starter", lambda: recipe)
    out, data = tmp_path / "search", str(ham10000)
    arguments = ["tune", "starter", "--data", data, "--out", str(out), "--epochs", "2", "--trials"]
    assert main([*arguments, "1"]) == 0
    first = json.loads((out / "best.json").read_text())
    assert main([*arguments, "1"]) == 0  # nothing left to try
    assert json.loads((out / "best.json").read_text()) == first
    assert main([*arguments, "2"]) == 0
    assert "training.learning_rate = " in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["best.json", "trials.db"]

    best = read_settings(out / "best.json")
    changed = with_settings(recipe, best)
    assert changed.training.learning_rate == best["training.learning_rate"]


def test_hopeless_trials_are_ended(recipe, parts, tmp_path, monkeypatch):
    import optuna

    epochs = []

    def fit(recipe: Recipe, parts, folder, memory, report):
        number = int(folder.name.rpartition("-")[2])
        for epoch in range(1, 6):
            epochs.append(number)
            report(epoch, 0.1 if number >= 5 else 0.5 + number / 100)
        return []

    monkeypatch.setattr("ml.tuning.fit", fit)
    tune(recipe, parts, tmp_path, trials=7)
    study = optuna.load_study(study_name="nevus", storage=f"sqlite:///{tmp_path / 'trials.db'}")
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE"] * 5 + ["PRUNED"] * 2
    assert epochs.count(6) < 5
    assert study.best_trial.number == 4


def test_a_search_of_another_recipe_or_without_an_end_is_explained(
    recipe, parts, tmp_path, monkeypatch
):
    from dataclasses import replace

    def diverge(*given, **named):
        raise DivergedError("The loss became nan in epoch 1; the state before it is kept.")

    training = replace(recipe.training, batch_size=15, accumulate=2)
    with pytest.raises(TrainingError, match="choose a multiple of 2"):
        tune(replace(recipe, training=training), parts, tmp_path / "a", trials=3)
    assert trials_of(tmp_path / "a") == ["FAIL"]  # the next would say the same
    monkeypatch.setattr("ml.tuning.fit", diverge)
    for trials in (1, 2):
        with pytest.raises(TrainingError, match="No trial came to its end"):
            tune(recipe, parts, tmp_path / "b", trials=trials)
    assert trials_of(tmp_path / "b") == ["PRUNED"] * 2
    with pytest.raises(TrainingError, match=r"holds another search \(name"):
        tune(replace(recipe, name="other"), parts, tmp_path / "b", trials=1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="without torchrun"):
        tune(recipe, parts, tmp_path / "c", trials=1)
    monkeypatch.delenv("WORLD_SIZE")
    (tmp_path / "b" / "trials.db").write_bytes(b"no database" * 100)
    with pytest.raises(TrainingError, match=r"trials\.db cannot be read"):
        tune(recipe, parts, tmp_path / "b", trials=1)


def test_a_search_that_was_stopped_tries_others_and_the_stopped_one_again(
    recipe, parts, tmp_path, monkeypatch
):
    rates = []

    def fit(recipe: Recipe, parts, folder, memory, report):
        rates.append(recipe.training.learning_rate)
        if len(rates) == 3:
            raise KeyboardInterrupt
        report(1, 0.5)
        return ["a.png: it is cut off", "b.png: it is cut off"]

    monkeypatch.setattr("ml.tuning.fit", fit)
    found = tune(recipe, parts, tmp_path, trials=2)
    assert found.skipped == ["a.png: it is cut off", "b.png: it is cut off"]
    with pytest.raises(KeyboardInterrupt):
        tune(recipe, parts, tmp_path, trials=4)
    tune(recipe, parts, tmp_path, trials=4)
    assert trials_of(tmp_path) == ["COMPLETE"] * 2 + ["FAIL"] + ["COMPLETE"] * 2
    assert len(set(rates)) == 5


def trials_of(folder):
    import optuna

    storage = f"sqlite:///{folder / 'trials.db'}"
    study = optuna.load_study(study_name="nevus", storage=storage)
    return [trial.state.name for trial in study.trials]


def test_every_recipe_has_a_space_that_fits_it():
    for make in RECIPES.values():
        recipe = make()
        for path in search_space(recipe):
            value = recipe
            for name in path.split("."):
                value = value[name] if isinstance(value, dict) else getattr(value, name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training.speed": 1}, "'speed' is unknown; there are: epochs"),
        ({"training.epochs": "many"}, "is a whole number of 1 or more, and 'many' is not"),
        ({"training.epochs.more": 1}, "'more' is unknown"),
        ({"preprocessing.resize": "bend"}, "one of cover, whole, squash"),
        ({"preprocessing.aspect": 0}, "above 0"),
        ({"tta": "twice"}, "one of none, mirror, flips, dihedral"),
        ({"classes": "mole"}, "'mole' is no class set; it is one of ham10000, isic2019"),
        ({"classes": "mel"}, "no class set"),
        ({"classes": ["mel", "nv", "mel"]}, "'mel,nv,mel' is no class set"),
    ],
)
def test_settings_that_do_not_exist_are_named(recipe, changes, message):
    with pytest.raises(RecipeError, match=message):
        with_settings(recipe, changes)


def test_a_backbone_of_fixed_size_takes_no_other():
    recipe = get_recipe("vit_l32_dnn")
    both = {"preprocessing.size": 224, "architecture.backbone.options.image_size": 224}
    assert with_settings(recipe, both).preprocessing.shape == (224, 224)
    for changes in ({"preprocessing.size": 224}, {"preprocessing.aspect": 4 / 3}):
        with pytest.raises(RecipeError, match="built for pictures of 384 x 384"):
            with_settings(recipe, changes)


def test_settings_are_read_from_words_and_files(recipe, tmp_path):
    texts = ["training.learning_rate=1", "training.optimizer=sgd", "training.schedule.name=step"]
    changed = with_settings(recipe, dict(parse_setting(text) for text in texts))
    training = changed.training
    assert (training.learning_rate, training.optimizer) == (1.0, "sgd")
    assert training.schedule.name == "step"
    with pytest.raises(RecipeError, match="write it as"):
        parse_setting("training.learning_rate")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(RecipeError, match="is no JSON"):
        read_settings(tmp_path / "a.json")
