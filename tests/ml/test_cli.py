"""The command line, from a data set to a CSV."""

import csv
import json
import sys

import pytest

from ml.cli import main
from ml.manifest import read_manifest
from ml.recipes import RECIPES
from ml.refusal import ACCEPTED
from ml.robustness import CAST
from tests.ml.conftest import write_csv


@pytest.fixture
def small_starter(recipe, monkeypatch):
    monkeypatch.setitem(RECIPES, "starter", lambda: recipe)


def read_rows(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_recipes_lists_them(capsys):
    assert main(["recipes"]) == 0
    assert "vit_l32_dnn" in capsys.readouterr().out


def test_init_repeats_with_its_seed(small_starter, tmp_path):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["init", "starter", "--out", str(tmp_path / name), "--seed", seed]) == 0
    hashes = [read_manifest(tmp_path / name).sha256 for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_train_evaluate_predict_card(small_starter, ham10000, tmp_path, capsys):
    out = tmp_path / "trained"
    assert main(["train", "starter", "--data", str(ham10000), "--out", str(out)]) == 0
    manifest = read_manifest(out)
    assert manifest.data["licence"] == "CC BY-NC 4.0"
    assert manifest.metrics["images"] == 14
    assert manifest.raw["intended_range"]["age_from"] == 18
    assert "Not meant for: patients under 18" in (out / "MODEL_CARD.md").read_text()
    assert {"value", "low", "high"} == set(manifest.metrics["overall"]["balanced_accuracy"])

    rows = [{"image": f"{code}_00.png", "label": code} for code in manifest.classes]
    write_csv(tmp_path / "labels.csv", rows)
    measured = tmp_path / "measured"
    images = str(ham10000 / "images")
    labels = str(tmp_path / "labels.csv")
    arguments = ["evaluate", str(out), "--images", images, "--labels", labels]
    assert main([*arguments, "--out", str(measured)]) == 0
    figures = json.loads((measured / "figures.json").read_text())
    assert figures["images"] == 7
    assert len(figures["unlabelled"]) == 133
    names = {file.name for file in measured.iterdir()}
    drawn = {f"{name}.svg" for name in ("confusion", "roc", "reliability", "features")}
    assert names == drawn | {"figures.json", "summary.md"}

    assert main(["card", str(out)]) == 0
    assert "## Quality by class" in capsys.readouterr().out


def test_a_missing_library_for_figures_is_told_before_images_are_read(
    checkpoint, ham10000, tmp_path, monkeypatch, capsys
):
    write_csv(tmp_path / "labels.csv", [{"image": "mel_00", "label": "mel"}])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("ml.evaluation.read_images", lambda *given: pytest.fail("it reads"))
    command = ["evaluate", str(checkpoint), "--images", str(ham10000 / "images")]
    command += ["--labels", str(tmp_path / "labels.csv"), "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "Figures need matplotlib: pip install" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("shares", ["1.2 -0.1 -0.1", "8 1 1", "nan nan nan", "1 0 0"])
def test_finish_wants_a_part_to_measure_on(shares, checkpoint, ham10000, capsys):
    command = ["finish", str(checkpoint), "--data", str(ham10000), "--fractions", *shares.split()]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert ("shares that sum to 1" in said) or ("no test part" in said)


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999"])
def test_a_seed_is_one_that_torch_takes(seed, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["init", "starter", "--tiny", "--out", str(tmp_path / "out"), "--seed", seed])
    assert "a whole number from 0 to 4294967295" in capsys.readouterr().err


def test_finish_measures_anew_and_leaves_the_weights(small_starter, ham10000, tmp_path, capsys):
    out, data = tmp_path / "trained", str(ham10000)
    assert main(["train", "starter", "--data", data, "--out", str(out)]) == 0
    before = read_manifest(out)
    again = ["finish", str(out), "--data", data]
    assert main(again) == 0
    assert read_manifest(out).raw == before.raw
    more = str(ham10000 / "images")
    assert main([*again, "--familiar", more]) == 0
    after = read_manifest(out)
    assert after.data["more_images_for_refusal"] == 140
    assert after.refusal != before.refusal
    assert not before.refusal
    assert "It refuses nothing" in before.limits[2]
    assert "It refuses most pictures" in after.limits[2]
    assert after.accepted == ACCEPTED
    assert (
        "than those of 99.0% of the validation images and 140 more real lesions"
        in (out / "MODEL_CARD.md").read_text()
    )
    assert "with a random cast of up to 10% too" in (out / "MODEL_CARD.md").read_text()
    assert after.data["casts_for_refusal"] == CAST
    assert after.thresholds == before.thresholds
    assert after.metrics["overall"].items() > before.metrics["overall"].items()
    capsys.readouterr()
    # another split would measure on images that the model has learnt
    assert main([*again, "--fractions", "0.5", "0.25", "0.25"]) == 2
    assert main([*again, "--familiar", str(tmp_path / "trained")]) == 2
    assert capsys.readouterr().err.count("ml: ") == 2


def test_export_writes_a_checkpoint_that_card_reads(checkpoint, tmp_path, capsys):
    half = tmp_path / "half"
    assert main(["export", str(checkpoint), "--format", "fp16", "--out", str(half)]) == 0
    assert "MB" in capsys.readouterr().out
    assert main(["card", str(half)]) == 0
    assert main(["export", "nowhere", "--format", "fp16", "--out", str(half)]) == 2


def test_predict_writes_one_row_an_image(checkpoint, ham10000, tmp_path, capsys):
    (ham10000 / "images" / "broken.png").write_bytes(b"no image")
    table = tmp_path / "tables" / "answers.csv"
    images = str(ham10000 / "images")
    assert main(["predict", str(checkpoint), "--images", images, "--out", str(table)]) == 0
    rows = read_rows(table)
    assert list(rows[0]) == ["image", "akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert [row["image"] for row in rows] == sorted(p.stem for p in ham10000.glob("images/*_*.png"))
    for row in rows:
        assert sum(float(row[code]) for code in list(row)[1:]) == pytest.approx(1, abs=1e-9)
    assert "broken.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "nothing", "--out", "x"],
        ["card", "nowhere"],
        ["predict", "nowhere", "--images", ".", "--out", "x.csv"],
        ["train", "starter", "--data", "nowhere", "--out", "x"],
    ],
)
def test_bad_input_is_one_sentence(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("ml: ")
    assert len(error.splitlines()) == 1


def test_results_do_not_take_the_place_of_data(small_starter, ham10000, checkpoint, capsys):
    before = sorted(ham10000.rglob("*"))
    assert main(["train", "starter", "--data", str(ham10000), "--out", str(ham10000)]) == 2
    assert "--out is the data set" in capsys.readouterr().err
    images = str(ham10000 / "images")
    assert main(["predict", str(checkpoint), "--images", images, "--out", images]) == 2
    assert "name a file in it" in capsys.readouterr().err
    file = next((ham10000 / "images").iterdir())
    labels = ["--labels", str(ham10000 / "HAM10000_metadata.csv")]
    content = file.read_bytes()
    assert main(["evaluate", str(checkpoint), "--images", images, *labels, "--out", str(file)]) == 2
    assert f"{file.name}: File exists" in capsys.readouterr().err
    assert file.read_bytes() == content
    assert sorted(ham10000.rglob("*")) == before


@pytest.mark.parametrize(
    "command",
    [
        ["init", "starter"],
        ["train", "starter", "--data", "."],
        ["train", "starter", "--data", ".", "--resume"],
        ["join", "OUT", "OUT"],
        ["separate", "OUT"],
        ["export", "OUT", "--format", "fp16"],
        ["export", "OUT", "--format", "onnx"],
    ],
    ids=" ".join,
)
def test_no_checkpoint_is_replaced(command, checkpoint, capsys):
    before = {file.name: file.read_bytes() for file in checkpoint.iterdir()}
    arguments = [str(checkpoint) if word == "OUT" else word for word in command]
    assert main([*arguments, "--out", str(checkpoint)]) == 2
    assert "holds a checkpoint already" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in checkpoint.iterdir()} == before


@pytest.mark.parametrize("size", ["nan", "inf", "0", "-1", "much"])
def test_memory_is_a_size(size, capsys):
    with pytest.raises(SystemExit):
        main(["train", "starter", "--data", "x", "--out", "y", f"--memory={size}"])
    assert "--memory" in capsys.readouterr().err.splitlines()[-1]


def test_stopping_leaves_a_word(small_starter, ham10000, tmp_path, monkeypatch, capsys):
    def stop(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("ml.training.Trainer.run_epoch", stop)
    assert main(["train", "starter", "--data", str(ham10000), "--out", str(tmp_path / "x")]) == 130
    assert "--resume" in capsys.readouterr().err
