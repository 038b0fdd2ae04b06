"""Training learns, survives being stopped, and stops when it must."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ml.augmentation import augment, mixup
from ml.checkpoints import describe, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Augmentation
from ml.data import read_dataset
from ml.data.cache import Cache
from ml.data.splits import split
from ml.ema import Ema
from ml.errors import DataError, TrainingError
from ml.fitting import fit, with_epochs
from ml.training import (
    Trainer,
    adjusted_cross_entropy,
    build_optimizer,
    learning_rate,
    sampling_shares,
)

CPU = torch.device("cpu")


@pytest.fixture
def parts(ham10000, recipe):
    return split(read_dataset(ham10000).samples, (0.6, 0.2, 0.2), 0)


@pytest.fixture
def noise():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (28, 3, 36, 48), dtype=torch.uint8, generator=generator)
    return Cache(pixels, torch.arange(28) % 7, [])


def test_one_batch_can_be_overfitted(recipe, model):
    images, labels = torch.randn(14, 3, 32, 32), torch.arange(14) % 7
    optimizer = build_optimizer(model, replace(recipe.training, learning_rate=1e-2))
    model.train()
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        assert (model.eval()(images).argmax(1) == labels).float().mean() > 0.9


def test_training_learns_colours(recipe, parts, tmp_path):
    fit(with_epochs(recipe, 6), parts, tmp_path)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert max(float(line.split('"balanced_accuracy": ')[1].split(",")[0]) for line in lines) > 0.4


def test_a_stopped_run_goes_on_to_the_same_weights(recipe, parts, tmp_path, monkeypatch):
    mixed = replace(recipe.training, augmentation=Augmentation(mixup=0.3), balance=0.5)
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

    for name in ("model", "ema"):
        whole, stopped = (
            torch.load(tmp_path / run / "run" / "state.pt", weights_only=True)["trainer"][name]
            for run in ("whole", "stopped")
        )
        assert all(torch.equal(whole[key], stopped[key]) for key in whole)


def test_a_run_is_not_overwritten_or_mixed_up(recipe, parts, tmp_path):
    short = with_epochs(recipe, 1)
    fit(short, parts, tmp_path)
    with pytest.raises(TrainingError, match="--resume"):
        fit(short, parts, tmp_path)
    with pytest.raises(TrainingError, match="another configuration"):
        fit(with_epochs(recipe, 2), parts, tmp_path, resume=True)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_state(
    recipe, parts, tmp_path, monkeypatch
):
    step = Trainer._step

    def break_in_the_second_epoch(self, number, *arguments):
        return float("nan") if number >= self.steps else step(self, number, *arguments)

    monkeypatch.setattr(Trainer, "_step", break_in_the_second_epoch)
    with pytest.raises(TrainingError, match="epoch 2"):
        fit(recipe, parts, tmp_path)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["epoch"] == 1
    weights = load_file(tmp_path / "run" / "best.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_a_step_without_a_number_leaves_the_weights(recipe, noise):
    trainer = Trainer(recipe, noise, CPU)
    with torch.no_grad():
        trainer.model.head.layers[0].bias.fill_(float("nan"))
    before = trainer.model.backbone.state_dict()[
        "model.embedder.embedder.convolution.weight"
    ].clone()
    with pytest.raises(TrainingError):
        trainer.run_epoch(0)
    after = trainer.model.backbone.state_dict()["model.embedder.embedder.convolution.weight"]
    assert torch.equal(before, after)


def test_schedule_rises_then_falls_to_zero():
    rates = [learning_rate(step, 100, 10, 1.0) for step in range(100)]
    assert rates[9] == rates[10] == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-3


def test_sampling_goes_from_natural_to_equal():
    labels = torch.tensor([0] * 90 + [1] * 10)
    assert sampling_shares(labels, 2, 0.0).tolist() == pytest.approx([0.9, 0.1])
    assert sampling_shares(labels, 2, 0.5).tolist() == pytest.approx([0.75, 0.25])
    assert sampling_shares(labels, 2, 1.0).tolist() == pytest.approx([0.5, 0.5])
    with pytest.raises(DataError, match="at least one image"):
        sampling_shares(labels, 3, 0.5)


def test_the_adjusted_loss_undoes_the_shares():
    # where images say nothing, the best logits are equal ones, however uneven the draw
    shares = torch.tensor([0.75, 0.25], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    logits = torch.zeros(4, 2, requires_grad=True)
    adjusted_cross_entropy(logits, targets, shares).backward()
    assert logits.grad is not None
    assert logits.grad.sum(0).abs().max() < 1e-6


def test_the_average_follows_the_weights():
    source = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(source.weight)
    ema = Ema(source, 0.5)
    nn.init.ones_(source.weight)
    for _ in range(50):
        ema.update(source)
    assert torch.allclose(ema.model.weight, source.weight)
    assert not ema.model.weight.requires_grad


def test_augmentation_without_change_is_preprocessing(recipe):
    still = Augmentation((1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    canvas = torch.full((4, 3, 36, 48), 128, dtype=torch.uint8)
    images = augment(canvas, recipe.preprocessing, still, torch.Generator().manual_seed(0))
    assert images.shape == (4, 3, 32, 32)
    assert torch.allclose(images, torch.full_like(images, (128 / 255 - 0.5) / 0.5), atol=1e-3)


def test_augmentation_repeats_with_its_generator(recipe, noise):
    first, second = (
        augment(
            noise.pixels, recipe.preprocessing, Augmentation(), torch.Generator().manual_seed(5)
        )
        for _ in range(2)
    )
    assert torch.equal(first, second)


def test_mixup_keeps_targets_distributions():
    targets = torch.eye(4)
    images, mixed = mixup(torch.randn(4, 3, 8, 8), targets, 0.4, torch.Generator().manual_seed(0))
    assert images.shape == (4, 3, 8, 8)
    assert torch.allclose(mixed.sum(1), torch.ones(4))
    assert (mixed.argmax(1) == targets.argmax(1)).all()


def test_a_run_can_start_from_a_checkpoint(recipe, parts, noise, tmp_path):
    torch.manual_seed(1)
    first = build_classifier(recipe.architecture, len(recipe.classes))
    save_checkpoint(tmp_path / "first", first, describe(recipe, version="1"))
    trainer = Trainer(recipe, noise, CPU)
    trainer.start_from(first)
    for held in (trainer.model, trainer.ema.model):
        assert all(torch.equal(v, first.state_dict()[k]) for k, v in held.state_dict().items())
    fit(with_epochs(recipe, 1), parts, tmp_path / "second", start=tmp_path / "first")
    assert (tmp_path / "second" / "run" / "best.safetensors").exists()


def test_weights_of_another_architecture_are_refused(recipe, noise):
    with pytest.raises(TrainingError, match="do not fit"):
        Trainer(recipe, noise, CPU).start_from(nn.Linear(2, 2))
