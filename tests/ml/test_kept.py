"""A reading that was stopped goes on where it was, and only where it is still the same one."""

import json

import pytest

from ml.cli import main
from ml.kept import NAME
from ml.predictor import Predictor
from ml.recipes import RECIPES
from ml.robustness import CHANGES
from tests.ml.conftest import write_csv

BATCHES = 9  # of 140 images


@pytest.fixture
def asked(monkeypatch):
    """The sizes of the batches that were read; the one after ``asked.last`` is Ctrl-C."""
    read = Predictor.read

    class Asked(list):
        last = None

    sizes = Asked()

    def counted(self, batch, others=None):
        if len(sizes) == sizes.last:
            raise KeyboardInterrupt
        sizes.append(len(batch))
        return read(self, batch, others)

    monkeypatch.setattr(Predictor, "read", counted)
    return sizes


@pytest.fixture
def images(ham10000):
    return ham10000 / "images"


@pytest.fixture
def predict(checkpoint, images, tmp_path):
    def run(name="out.csv"):
        return main(
            ["predict", str(checkpoint), "--images", str(images), "--out", str(tmp_path / name)]
        )

    return run


def stop(asked, run, after):
    asked.clear()
    asked.last = after
    assert run() == 130
    asked.clear()
    asked.last = None


def test_predict_goes_on_and_writes_what_it_would_have(asked, predict, images, tmp_path, capsys):
    (images / "aaa.png").write_bytes(b"no picture")
    assert predict("whole.csv") == 0
    stop(asked, predict, 4)
    assert "The same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
    assert predict() == 0
    assert len(asked) == BATCHES - 4
    said = capsys.readouterr()
    assert "aaa.png" in said.err
    assert "140 images" in said.out
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not (tmp_path / "out.csv.reading").exists()


def test_what_changed_meanwhile_is_read_anew(asked, predict, images, checkpoint, tmp_path):
    stop(asked, predict, 4)
    first = sorted(images.iterdir())[0]
    first.write_bytes(sorted(images.iterdir())[1].read_bytes())
    stop(asked, predict, 4)
    manifest = checkpoint / "manifest.json"
    raw = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(raw | {"calibration": {"temperature": 2.0}}))
    assert predict() == 0
    assert len(asked) == BATCHES
    # what the readings before left is gone with it
    assert not (tmp_path / "out.csv.reading").exists()


def test_what_a_crash_spoilt_is_read_again(asked, predict, tmp_path):
    stop(asked, predict, 4)
    kept = sorted((tmp_path / "out.csv.reading").iterdir())
    assert len(kept) == 4
    assert all(NAME.fullmatch(file.name) for file in kept)
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:100])
    assert predict() == 0
    assert len(asked) == BATCHES - 2


def test_a_file_of_ones_own_stays(asked, predict, tmp_path):
    notes = tmp_path / "out.csv.reading" / "notes.npz"
    notes.parent.mkdir()
    notes.write_text("mine")
    stop(asked, predict, 4)
    assert predict() == 0
    assert [file.name for file in notes.parent.iterdir()] == ["notes.npz"]


def test_finish_goes_on_and_measures_what_it_would_have(
    asked, recipe, monkeypatch, ham10000, tmp_path
):
    monkeypatch.setitem(RECIPES, "starter", lambda: recipe)
    out = tmp_path / "trained"
    command = ["--data", str(ham10000)]
    assert main(["train", "starter", *command, "--out", str(out)]) == 0
    command = ["finish", str(out), *command, "--familiar", str(ham10000 / "images"), "--changes"]
    asked.clear()
    assert main(command) == 0
    total, whole = len(asked), (out / "manifest.json").read_bytes()
    before = len(CHANGES) + 3
    stop(asked, lambda: main(command), before)
    assert (out / "manifest.json").read_bytes() == whole
    assert main(command) == 0
    assert len(asked) == total - before
    assert (out / "manifest.json").read_bytes() == whole
    assert not (out / "reading").exists()


def test_evaluate_goes_on_within_its_changes(asked, checkpoint, images, tmp_path):
    rows = [{"image": path.name, "label": path.name[:-7]} for path in images.iterdir()]
    write_csv(tmp_path / "labels.csv", rows)

    def evaluate(name="out"):
        command = ["evaluate", str(checkpoint), "--images", str(images), "--changes"]
        command += ["--labels", str(tmp_path / "labels.csv"), "--out", str(tmp_path / name)]
        return main(command)

    assert evaluate("whole") == 0
    whole = (tmp_path / "whole" / "figures.json").read_bytes()
    total, before = BATCHES * (1 + len(CHANGES)), BATCHES * 2 + 3
    assert len(asked) == total
    stop(asked, evaluate, before)
    assert evaluate() == 0
    assert len(asked) == total - before
    assert (tmp_path / "out" / "figures.json").read_bytes() == whole
    assert not (tmp_path / "out" / "reading").exists()
