"""What becomes of answers where another camera shows the same lesions."""

import json

import pytest
import torch

from ml import robustness
from ml.cli import main
from ml.config import Preprocessing
from ml.evaluation import ask
from ml.labelled import read_labelled
from ml.manifest import read_manifest
from ml.predictor import Predictor
from ml.preprocessing import normalise, shown
from ml.recipes import RECIPES
from ml.robustness import CAST, CHANGES, Change, ask_changed, measure_changes, random_casts
from tests.ml.conftest import write_csv

SEEN = Preprocessing(size=8, mean=(0.7, 0.5, 0.5), std=(0.1, 0.2, 0.2))


@pytest.fixture
def labels(ham10000, tmp_path):
    rows = [{"image": f"{code}_{n:02d}", "label": code} for code in ("mel", "nv") for n in range(4)]
    write_csv(tmp_path / "labels.csv", rows)
    return tmp_path / "labels.csv"


def test_what_is_normalised_is_shown_again():
    pixels = torch.randint(0, 256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(shown(normalise(pixels, SEEN), SEEN) * 255, pixels.float(), atol=1e-3)


def test_changes_are_what_they_say():
    grey = torch.full((1, 3, 8, 8), 0.5)
    changed = {name: change.apply(grey)[0, :, 4, 4] * 2 for name, change in CHANGES.items()}
    assert changed["warmer"].tolist() == pytest.approx([1.08, 1.0, 0.92])
    assert changed["greener"].tolist() == pytest.approx([0.96, 1.06, 0.96])
    assert changed["darker"].tolist() == pytest.approx([0.85] * 3)
    assert changed["softer"].tolist() == pytest.approx([1.0] * 3)
    dots = torch.zeros(1, 3, 8, 8)
    dots[..., ::2, ::2] = 1
    assert CHANGES["softer"].apply(dots).std() < dots.std() / 3


def test_a_random_cast_is_drawn_for_each_picture():
    pixels = torch.full((3, 3, 8, 8), 128)
    casts, again, other = (random_casts(SEEN, seed) for seed in (0, 0, 1))
    images = normalise(pixels, SEEN)
    first, second = casts(images), casts(images)
    gains = shown(torch.cat([first, second]), SEEN)[:, :, 0, 0] * 255 / 128
    assert (gains.log().abs() <= CAST + 1e-4).all()
    assert gains.log().abs().max() > CAST / 2
    assert len(set(gains.flatten().tolist())) == 18
    assert torch.equal(again(images), first)
    assert not torch.equal(other(images), first)


def test_each_change_is_measured(checkpoint, ham10000, labels, monkeypatch):
    """Nothing changes the answers of a picture that is not changed, and blackness changes some."""
    still, black = Change("nothing", lambda p: p), Change("all", lambda p: p * 0)
    monkeypatch.setattr(robustness, "CHANGES", {"still": still, "black": black})
    predictor = Predictor(checkpoint)
    samples = read_labelled(ham10000 / "images", labels, predictor.manifest.classes).samples
    answers = ask(predictor, samples)
    entries = measure_changes(answers, ask_changed(predictor, answers), predictor.manifest.classes)
    found = {entry["name"]: entry for entry in entries}
    assert found["still"]["figures"]["same_answer"]["value"] == 1
    recall = found["still"]["figures"]["balanced_accuracy"]["value"]
    own = [(answers.probabilities[answers.labels == k].argmax(1) == k).mean() for k in (4, 5)]
    assert recall == pytest.approx(sum(own) / 2, abs=1e-3)
    # all pictures are the same now, so one class is right and the others are not
    assert found["black"]["figures"]["balanced_accuracy"]["value"] in (0.0, 0.5)


def test_evaluate_writes_them_beside_the_rest(checkpoint, ham10000, labels, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["evaluate", str(checkpoint), "--images", str(ham10000 / "images")]
    command += ["--labels", str(labels), "--out", str(out), "--changes"]
    assert main(command) == 0
    assert "greener: green 6% stronger, red and blue 4% weaker" in capsys.readouterr().out
    names = [entry["name"] for entry in json.loads((out / "figures.json").read_text())["changes"]]
    assert names == list(CHANGES)
    assert "| softer | half as many pixels a side |" in (out / "summary.md").read_text()


@pytest.mark.parametrize("part", [[], ["--all-but-test"]])
def test_finish_writes_them_into_manifest_and_card(
    part, recipe, ham10000, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(RECIPES, "starter", lambda: recipe)
    out, data = tmp_path / "trained", ["--data", str(ham10000)]
    assert main(["train", "starter", *data, "--out", str(out), *part]) == 0
    assert read_manifest(out).changes == []
    monkeypatch.setattr(robustness, "CHANGES", CHANGES | {"still": Change("nothing", lambda p: p)})
    assert main(["finish", str(out), *data, "--changes"]) == 0
    assert "greener: green 6% stronger" in capsys.readouterr().out
    manifest = read_manifest(out)
    assert [entry["name"] for entry in manifest.changes] == [*CHANGES, "still"]
    # judged by the same fits, the same pictures have the same figures
    own, still = manifest.metrics["overall"], manifest.changes[-1]["figures"]
    assert still.pop("same_answer")["value"] == 1
    assert still == {name: own[name] for name in still}
    assert "## Seen by another camera" in (out / "MODEL_CARD.md").read_text()
    # what was not measured anew is not kept
    assert main(["finish", str(out), *data]) == 0
    assert read_manifest(out).changes == []
    assert "another camera" not in (out / "MODEL_CARD.md").read_text()


def test_of_several_checkpoints_they_are_not_measured(checkpoint, ham10000, labels, capsys):
    command = ["evaluate", str(checkpoint), str(checkpoint), "--images", str(ham10000 / "images")]
    assert main([*command, "--labels", str(labels), "--changes"]) == 2
    assert "one checkpoint alone" in capsys.readouterr().err
