"""A run learns, survives being killed, and says what stops it."""

import csv
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from ml.checkpoints import describe, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Augmentation, Sampling
from ml.data import read_dataset
from ml.data.splits import Splits, split
from ml.errors import CheckpointError, DataError, TrainingError
from ml.fitting import RUN, fit, with_epochs
from ml.joining import join
from ml.training import Trainer


@pytest.fixture
def parts(ham10000):
    return split(read_dataset(ham10000).samples, (0.6, 0.2, 0.2), 0)


def state_of(out):
    return torch.load(out / "run" / "state.pt", weights_only=True)


def rows_of(out):
    with (out / "run" / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_same_weights(one, other):
    for name in ("model", "ema"):
        first, second = (state_of(out)["trainer"][name] for out in (one, other))
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_training_learns_colours(recipe, parts, tmp_path):
    fit(with_epochs(recipe, 6), parts, tmp_path)
    assert [row["epoch"] for row in rows_of(tmp_path)] == list("123456")
    assert max(float(row["score"]) for row in rows_of(tmp_path)) > 0.4


def test_a_lazy_run_gives_the_same_weights(recipe, parts, tmp_path):
    short = with_epochs(recipe, 1)
    fit(short, parts, tmp_path / "held")
    fit(short, parts, tmp_path / "lazy", memory=0)
    assert_same_weights(tmp_path / "held", tmp_path / "lazy")


SCRIPT = """
import sys, torch
from dataclasses import replace
from pathlib import Path
from tests.ml.conftest import tiny_recipe
from ml.data import read_dataset
from ml.data.splits import split
from ml.fitting import fit
torch.set_num_threads(1)
parts = split(read_dataset(Path(sys.argv[1])).samples, (0.6, 0.2, 0.2), 0)
fit(tiny_recipe(), parts, Path(sys.argv[2]))
"""


def test_a_killed_run_goes_on_to_the_same_weights(recipe, ham10000, parts, tmp_path):
    fit(recipe, parts, tmp_path / "whole")
    out = tmp_path / "killed"
    arguments = [sys.executable, "-c", SCRIPT, str(ham10000), str(out)]
    with subprocess.Popen(arguments) as process:
        while not (out / "run" / "state.pt").exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(state_of(out)["rows"]) < recipe.training.epochs
    fit(recipe, parts, out, resume=True)
    assert_same_weights(tmp_path / "whole", out)
    assert len(rows_of(out)) == recipe.training.epochs


def test_a_stopped_run_goes_on_to_the_same_weights(recipe, parts, tmp_path, monkeypatch):
    mixed = replace(
        recipe.training, augmentation=Augmentation(mixup=0.3), sampling=Sampling(balance=0.5)
    )
    recipe = replace(recipe, training=mixed)
    fit(recipe, parts, tmp_path / "whole")

    step, calls = Trainer._step, []

    def stop_in_the_second_epoch(self, *arguments):
        calls.append(1)
        if len(calls) == self.steps + 2:
            raise KeyboardInterrupt
        return step(self, *arguments)

    monkeypatch.setattr(Trainer, "_step", stop_in_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, parts, tmp_path / "stopped")
    monkeypatch.undo()
    fit(recipe, parts, tmp_path / "stopped", resume=True)
    assert_same_weights(tmp_path / "whole", tmp_path / "stopped")


def test_a_run_is_not_overwritten_or_mixed_up(recipe, parts, tmp_path):
    short = with_epochs(recipe, 1)
    fit(short, parts, tmp_path)
    with pytest.raises(TrainingError, match="--resume"):
        fit(short, parts, tmp_path)
    with pytest.raises(TrainingError, match=r"another configuration \(training\)"):
        fit(with_epochs(recipe, 2), parts, tmp_path, resume=True)
    fewer = Splits(parts.train[1:], parts.validation, parts.test)
    with pytest.raises(TrainingError, match=r"another configuration \(images\)"):
        fit(short, fewer, tmp_path, resume=True)
    (tmp_path / "run" / "state.pt").write_bytes(b"half a file")
    with pytest.raises(TrainingError, match="cannot be read"):
        fit(short, parts, tmp_path, resume=True)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_state(
    recipe, parts, tmp_path, monkeypatch
):
    augment = Trainer._augment
    calls = []

    def break_in_the_second_epoch(self, *arguments):
        calls.append(1)
        batch = augment(self, *arguments)
        broken = len(calls) > self.steps
        return batch._replace(images=batch.images * float("nan")) if broken else batch

    monkeypatch.setattr(Trainer, "_augment", break_in_the_second_epoch)
    with pytest.raises(TrainingError, match="epoch 2; the state before it is kept"):
        fit(recipe, parts, tmp_path)
    assert len(state_of(tmp_path)["rows"]) == 1
    weights = load_file(tmp_path / "run" / "best.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_a_full_disk_keeps_the_last_state(recipe, parts, tmp_path):
    fit(with_epochs(recipe, 1), parts, tmp_path / "one")
    size = (tmp_path / "one" / "run" / "state.pt").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(epoch, score):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))

    out = tmp_path / "full"
    try:
        with pytest.raises(TrainingError, match=r"could not be written.*Make room"):
            fit(recipe, parts, out, report=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(state_of(out)["rows"]) == 1
    assert not list((out / "run").glob("*.new"))
    fit(recipe, parts, out, resume=True)
    assert len(state_of(out)["rows"]) == recipe.training.epochs


def test_patience_ends_a_run_early(recipe, parts, tmp_path):
    still = replace(recipe.training, epochs=9, learning_rate=0.0, ema_decay=0.0, patience=2)
    fit(replace(recipe, training=still), parts, tmp_path)
    assert len(rows_of(tmp_path)) < 9


def test_a_run_can_start_from_a_checkpoint(recipe, parts, tmp_path):
    torch.manual_seed(1)
    first = build_classifier(recipe.architecture, len(recipe.classes))
    save_checkpoint(tmp_path / "first", first, describe(recipe, version="1"))
    still = replace(recipe.training, epochs=1, learning_rate=0.0, warmup_epochs=0)
    fit(replace(recipe, training=still), parts, tmp_path / "second", start=tmp_path / "first")
    kept = state_of(tmp_path / "second")["trainer"]["model"]
    assert torch.equal(kept["head.layers.0.weight"], first.state_dict()["head.layers.0.weight"])


def test_weights_to_begin_with_are_for_the_same_classes(recipe, parts, tmp_path, checkpoint):
    turned = replace(recipe, classes=recipe.classes[::-1])
    with pytest.raises(TrainingError, match=r"in this order.*give --set classes=akiec,bcc,bkl,"):
        fit(turned, parts, tmp_path / "out", start=checkpoint)


def test_a_start_and_a_resumed_run_need_no_pretrained_weights(
    recipe, parts, tmp_path, checkpoint, monkeypatch
):
    given, original = [], build_classifier

    def build(architecture, classes, pretrained=None):
        given.append(pretrained)
        return original(architecture, classes)

    monkeypatch.setattr("ml.training.build_classifier", build)
    begun = replace(recipe, training=replace(recipe.training, epochs=1, pretrained="a/hub"))
    fit(begun, parts, tmp_path / "fresh")
    fit(begun, parts, tmp_path / "fresh", resume=True)
    fit(begun, parts, tmp_path / "second", start=checkpoint)
    assert given == ["a/hub", None, None]


def test_what_draws_figures_is_asked_for_before_the_first_epoch(
    recipe, parts, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match="--tensorboard needs"):
        fit(recipe, parts, tmp_path, tensorboard=True)
    assert not (tmp_path / RUN).exists()


def test_figures_that_a_kill_left_out_are_written_when_it_goes_on(recipe, parts, tmp_path):
    fit(with_epochs(recipe, 1), parts, tmp_path)
    before = (tmp_path / RUN / "metrics.csv").read_text()
    (tmp_path / RUN / "metrics.csv").unlink()
    fit(with_epochs(recipe, 1), parts, tmp_path, resume=True)
    assert (tmp_path / RUN / "metrics.csv").read_text() == before


def test_an_ensemble_is_no_start(recipe, parts, tmp_path, checkpoint):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    join([checkpoint, copy], tmp_path / "joined")
    with pytest.raises(CheckpointError, match="python -m ml separate"):
        fit(recipe, parts, tmp_path / "out", start=tmp_path / "joined")


def test_images_that_cannot_be_trained_on_are_explained(recipe, parts, tmp_path):
    nevi = [sample for sample in parts.train if sample.label == "nv"]
    with pytest.raises(DataError, match="one class only"):
        fit(recipe, Splits(nevi, parts.validation, []), tmp_path)
    with pytest.raises(DataError, match="no images to train"):
        fit(recipe, Splits([], parts.validation, []), tmp_path)
    known = [sample for sample in parts.train if sample.label != "df"]
    with pytest.raises(DataError, match="none of: df"):
        fit(recipe, Splits(known, parts.validation, []), tmp_path)


def test_what_could_not_be_read_is_listed(recipe, parts, tmp_path):
    parts.train[0].path.write_bytes(b"no image")
    parts.validation[0].path.unlink()
    for memory in (8.0, 0.0):
        skipped = fit(with_epochs(recipe, 1), parts, tmp_path / str(memory), memory=memory)
        names = [line.split(":")[0] for line in skipped]
        assert names == [parts.train[0].path.name, parts.validation[0].path.name]


def test_an_image_that_breaks_off_is_replaced_and_listed(recipe, parts, tmp_path):
    file = parts.train[0].path
    file.write_bytes(file.read_bytes()[: os.path.getsize(file) // 2])
    skipped = fit(with_epochs(recipe, 3), parts, tmp_path, memory=0)
    assert [line.split(":")[0] for line in skipped] == [file.name]


def test_figures_reach_tensorboard(recipe, parts, tmp_path):
    fit(with_epochs(recipe, 1), parts, tmp_path, tensorboard=True)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    score = float(rows_of(tmp_path)[0]["score"])
    assert events.Scalars("score")[0].value == pytest.approx(score, abs=1e-4)
    assert "tensorflow" not in sys.modules


def test_no_more_images_are_read_together_than_memory_is_planned_for(
    recipe, parts, tmp_path, monkeypatch
):
    read = []

    def note(module, inputs) -> None:
        if isinstance(module, torch.nn.Conv2d) and not module.training:
            read.append(len(inputs[0]))

    assert len(parts.validation) > 3
    monkeypatch.setattr("ml.validation.AT_ONCE", 3)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(note)
    fit(with_epochs(recipe, 1), parts, tmp_path)
    hook.remove()
    assert max(read) == 3
