"""One checkpoint of several, the mean of their answers or of their weights; and several of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from ml.checkpoints import UNMEASURED, load_classifier, save_checkpoint
from ml.classifier import Classifier, build_classifier
from ml.config import Architecture, Backbone, Head
from ml.errors import CheckpointError
from ml.heads.fitting import is_fitted
from ml.manifest import Manifest, read_manifest

CARRIED = (
    *("name", "recipe", "classes", "preprocessing", "test_time_augmentation"),
    *("data", "intended_use", "intended_range", "limits"),
)


def join(members: Sequence[Path], out: Path, version: str = "1.0.0") -> Manifest:
    """Write ``out``, a checkpoint of the ensemble of ``members``, uncalibrated.

    Data, intended use and the views at reading are those of the first. Raises CheckpointError
    where the members are fewer than two or one is named twice, are not prepared or answer alike,
    look at a patient's other lesions or have maps that do not fit; RecipeError where one is no
    convolutional network.
    """
    manifests = [read_manifest(member) for member in members]
    first = manifests[0]
    _check(members, manifests)
    models = [load_classifier(member) for member in members]
    architectures = [manifest.architecture for manifest in manifests]
    heads = [
        asdict(architecture.head) | {"features": model.backbone.features}
        for architecture, model in zip(architectures, models, strict=True)
    ]
    architecture = Architecture(
        Backbone("ensemble", {"members": [asdict(one.backbone) for one in architectures]}),
        Head("ensemble", {"members": heads}),
    )
    model = build_classifier(architecture, len(first.classes)).eval()
    _check_maps(model, first.preprocessing.shape)
    for index, member in enumerate(models):
        model.backbone.members[index].load_state_dict(member.backbone.state_dict())  # type: ignore[index, union-attr]
        model.head.members[index].load_state_dict(member.head.state_dict())  # type: ignore[index, union-attr]
    return _save(out, model, first, architecture, version)


def average(members: Sequence[Path], out: Path, version: str = "1.0.0") -> Manifest:
    """Write ``out``, one network with the mean of the weights of ``members``, uncalibrated.

    It costs as much as one of them. The members must be descendants of the same weights, or their
    mean is of no use (Wortsman et al., arXiv:2203.05482). What is kept is as in ``join``; raises
    CheckpointError where the members cannot be averaged.
    """
    manifests = [read_manifest(member) for member in members]
    first = manifests[0]
    _check(members, manifests)
    for member, manifest in zip(members, manifests, strict=True):
        if manifest.architecture != first.architecture:
            raise CheckpointError(f"{member} is of another architecture than {members[0]}.")
    models = [load_classifier(member) for member in members]
    if is_fitted(models[0]):
        raise CheckpointError("The mean of trees is no tree; such checkpoints have no mean.")
    weights = [model.state_dict() for model in models]
    for name, value in weights[0].items():
        if value.is_floating_point():
            value.copy_(torch.stack([state[name] for state in weights]).mean(0))
    return _save(out, models[0], first, first.architecture, version)


def separate(checkpoint: Path, out: Path, version: str = "1.0.0") -> list[Manifest]:
    """Write the members of an ensemble, each to a folder of ``out`` that is named by its place.

    Each is a checkpoint to train on from, uncalibrated; what is kept is as in ``join``. Raises
    CheckpointError where the checkpoint is no ensemble.
    """
    whole = read_manifest(checkpoint)
    if whole.architecture.backbone.name != "ensemble":
        raise CheckpointError(f"{checkpoint} is one network; only an ensemble has members.")
    model = load_classifier(checkpoint)
    written = []
    backbones = whole.architecture.backbone.options["members"]
    heads = whole.architecture.head.options["members"]
    for index, (backbone, head) in enumerate(zip(backbones, heads, strict=True)):
        architecture = Architecture(Backbone(**backbone), Head(head["name"], head["options"]))
        member = build_classifier(architecture, len(whole.classes)).eval()
        member.backbone.load_state_dict(model.backbone.members[index].state_dict())  # type: ignore[index, union-attr]
        member.head.load_state_dict(model.head.members[index].state_dict())  # type: ignore[index, union-attr]
        written.append(_save(out / str(index + 1), member, whole, architecture, version))
    return written


def _save(
    out: Path, model: Classifier, first: Manifest, architecture: Architecture, version: str
) -> Manifest:
    carried = {key: first.raw[key] for key in CARRIED if key in first.raw}
    fresh = {"version": version, "architecture": architecture.to_dict()}
    description = UNMEASURED | carried | fresh
    return save_checkpoint(out, model, description, half=True)


@torch.inference_mode()
def _check_maps(model: Classifier, shape: tuple[int, int]) -> None:
    """The heat map needs the members' maps beside each other, and each one's features from its."""
    backbone = model.backbone
    try:
        backbone.pool(backbone.forward_map(torch.zeros(1, 3, *shape)))  # type: ignore[operator]
    except RuntimeError as error:
        raise CheckpointError(
            "The members' maps are of different sizes, or not pooled to a feature a channel; they "
            "cannot join."
        ) from error


def _check(members: Sequence[Path], manifests: Sequence[Manifest]) -> None:
    first = manifests[0]
    if len(members) < 2:
        raise CheckpointError("Two checkpoints or more are needed to make one of them.")
    if len({member.resolve() for member in members}) < len(members):
        raise CheckpointError("One checkpoint is named twice; name others.")
    for member, manifest in zip(members, manifests, strict=True):
        if manifest.classes != first.classes or manifest.preprocessing != first.preprocessing:
            raise CheckpointError(f"{member} has other classes or preprocessing than {members[0]}.")
        if manifest.architecture.context is not None:
            raise CheckpointError(f"{member} looks at a patient's other lesions; it cannot join.")
