"""One trainer: it learns, repeats, freezes, and stops where the loss is no number."""

import copy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ml.classifier import build_classifier
from ml.config import Augmentation, Backbone, Context, Sampling
from ml.data.cache import Cache
from ml.data.samples import Sample
from ml.ema import Ema
from ml.engine import start_engine
from ml.errors import DivergedError, TrainingError
from ml.optimizers import build_optimizer
from ml.training import Trainer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def noise(tmp_path):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (28, 3, 36, 48), dtype=torch.uint8, generator=generator)
    codes = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    samples = [Sample(tmp_path / f"{i}.png", codes[i % 7], f"p{i // 7}") for i in range(28)]
    return Cache(pixels, torch.arange(28) % 7, samples)


def trainer_of(recipe, data, **changes):
    recipe = replace(recipe, training=replace(recipe.training, **changes))
    return Trainer(recipe, data, start_engine(recipe.training))


def weights_after(recipe, data, **changes):
    trainer = trainer_of(recipe, data, **changes)
    trainer.run_epoch(0)
    return torch.cat([p.detach().flatten() for p in trainer.plain.parameters()])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_one_batch_can_be_overfitted(recipe, model, optimizer):
    images, labels = torch.randn(14, 3, 32, 32), torch.arange(14) % 7
    rate = {"adamw": 1e-2, "sgd": 3e-2}[optimizer]
    config = replace(recipe.training, learning_rate=rate, optimizer=optimizer)
    optimizer = build_optimizer(model, config)
    model.train()
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        assert (model.eval()(images).argmax(1) == labels).float().mean() > 0.9


def test_an_unknown_optimizer_is_named(recipe, model):
    with pytest.raises(TrainingError, match=r"'lion'.*adamw, sgd"):
        build_optimizer(model, replace(recipe.training, optimizer="lion"))


def test_an_epoch_repeats(recipe, noise):
    assert torch.equal(weights_after(recipe, noise), weights_after(recipe, noise))


def test_parts_of_a_batch_add_up_to_it(recipe, noise):
    # without batch norm and augmentation, four parts of 4 images are one batch of 16
    vit = Backbone("vit", {"image_size": 32, "patch_size": 16, "size": "tiny"})
    plain = replace(recipe.architecture, backbone=vit)
    head = replace(plain.head, name="linear", options={})
    recipe = replace(recipe, architecture=replace(plain, head=head))
    still = Augmentation((1.0, 1.0), 0.0, 0.0, 0.0, False, False, 0, 0, 0.0, 0.0, 0.0, 0.0)
    whole = weights_after(recipe, noise, augmentation=still, precision="no")
    parts = weights_after(recipe, noise, augmentation=still, precision="no", accumulate=4)
    assert torch.allclose(whole, parts, atol=1e-4)


def test_a_frozen_backbone_stands_still_and_then_follows_slowly(recipe, noise):
    trainer = trainer_of(recipe, noise, freeze_epochs=1, backbone_rate=0.1, warmup_epochs=0)
    before = {k: v.clone() for k, v in trainer.plain.state_dict().items()}
    trainer.run_epoch(0)
    after = trainer.plain.state_dict()
    frozen = [k for k in before if k.startswith("backbone.")]
    assert all(torch.equal(before[k], after[k]) for k in frozen)
    assert any(not torch.equal(before[k], after[k]) for k in before if k.startswith("head."))
    trainer.run_epoch(1)
    assert any(not torch.equal(before[k], trainer.plain.state_dict()[k]) for k in frozen)
    rates = {group["share"]: group["lr"] for group in trainer.optimizer.param_groups}
    assert rates[0.1] == pytest.approx(rates[1.0] * 0.1)


def test_a_step_without_a_number_leaves_the_weights(recipe, noise):
    trainer = trainer_of(recipe, noise)
    with torch.no_grad():
        next(iter(trainer.plain.head.parameters())).fill_(float("nan"))
    before = [p.clone() for p in trainer.plain.backbone.parameters()]
    with pytest.raises(TrainingError, match="epoch 1"):
        trainer.run_epoch(0)
    after = trainer.plain.backbone.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_step_without_a_finite_gradient_leaves_the_weights(recipe, noise):
    trainer = trainer_of(recipe, noise)
    first = next(trainer.plain.parameters())
    first.register_hook(lambda gradient: gradient * float("inf"))
    before = copy.deepcopy(trainer.state_dict())
    with pytest.raises(DivergedError, match=r"The gradient became .* in epoch 1"):
        trainer.run_epoch(0)
    for part in ("model", "ema"):
        after = trainer.state_dict()[part]
        weights = [name for name, _ in trainer.plain.named_parameters()]
        assert all(torch.equal(before[part][name], after[name]) for name in weights)


def test_a_run_can_start_from_weights(recipe, noise):
    torch.manual_seed(1)
    first = build_classifier(recipe.architecture, len(recipe.classes))
    trainer = Trainer(recipe, noise, start_engine(recipe.training), first)
    for held in (trainer.plain, trainer.ema.model):
        assert all(torch.equal(v, first.state_dict()[k]) for k, v in held.state_dict().items())
    with pytest.raises(TrainingError, match="do not fit"):
        Trainer(recipe, noise, start_engine(recipe.training), nn.Linear(2, 2))


def test_it_trains_at_another_size_than_it_reads_at(recipe, noise):
    trainer = trainer_of(recipe, noise, size=24)
    seen = []
    trainer.plain.backbone.register_forward_hook(lambda m, args, out: seen.append(args[0].shape))
    trainer.run_epoch(0)
    assert {tuple(shape[1:]) for shape in seen} == {(3, 24, 24)}


def test_it_begins_with_smaller_squares(recipe, noise):
    trainer = trainer_of(recipe, noise, epochs=4, smaller=((0.25, 16), (0.5, 24)))
    seen = []
    trainer.plain.backbone.register_forward_hook(lambda m, args, out: seen.append(args[0].shape))
    for epoch in range(3):
        trainer.run_epoch(epoch)
    sides = [shape[-1] for shape in seen]
    assert sides == sorted(sides)
    assert set(sides) == {16, 24, 32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 16, "accumulate": 3}, "multiple of 3"),
        ({"precision": "int8"}, "no precision 'int8'"),
        ({"sampling": Sampling("alphabetical")}, "no sampler 'alphabetical'"),
    ],
)
def test_what_cannot_be_trained_is_explained(recipe, noise, changes, message):
    with pytest.raises(TrainingError, match=message):
        trainer_of(recipe, noise, **changes)


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
def test_fp16_needs_a_gpu(recipe, noise):
    with pytest.raises(TrainingError, match="needs a GPU"):
        trainer_of(recipe, noise, precision="fp16")


def test_the_average_follows_the_weights():
    source = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(source.weight)
    ema = Ema(source, 0.5)
    nn.init.ones_(source.weight)
    for _ in range(50):
        ema.update(source)
    assert torch.allclose(ema.model.weight, source.weight)
    assert not ema.model.weight.requires_grad


def test_predicting_loads_nothing_of_training():
    code = (
        "import sys; import ml.predictor, ml.reading, ml.checkpoints, ml.cli; "
        "heavy = {'optuna', 'keras', 'tensorboard', 'pydicom', 'ml.engine'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_without_its_libraries_training_names_the_file_to_install(recipe, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(TrainingError, match=r"requirements-training\.txt"):
        start_engine(recipe.training)


def test_a_context_sees_the_other_images_of_a_patient(recipe, noise):
    architecture = replace(recipe.architecture, context=Context("attention", {"heads": 2}))
    recipe = replace(recipe, architecture=architecture)
    trainer = trainer_of(recipe, noise)
    seen = []
    trainer.plain.context.register_forward_hook(lambda m, args, out: seen.append(args[1:]))
    trainer.run_epoch(0)
    others, mask = seen[0]
    assert mask.sum(1).tolist() == [6] * len(mask)  # seven images a patient, less its own
    assert others[mask].abs().sum() > 0
    held = trainer.patients.features.clone()
    trainer.run_epoch(1)
    assert not torch.equal(held, trainer.patients.features)
