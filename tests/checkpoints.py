"""Checkpoints small enough to be made and read within a test."""

from pathlib import Path

import torch

from diagnosis.inference import read_checkpoint
from diagnosis.models import ModelVersion
from diagnosis.services.model_versions import register_model
from ml.checkpoints import save_checkpoint
from ml.classifier import build_classifier
from ml.manifest import parse_manifest
from tests.factories import manifest


def write_checkpoint(folder: Path, *, seed: int = 0, **fields: object) -> Path:
    """Random weights; another seed gives other answers. ``fields`` are the manifest's."""
    description = manifest(**fields)
    architecture = parse_manifest(description).architecture
    torch.manual_seed(seed)
    save_checkpoint(
        folder, build_classifier(architecture, len(description["classes"])), description
    )
    return folder


def registered(folder: Path, **fields: object) -> ModelVersion:
    """A model version whose checkpoint can be loaded."""
    raw, card = read_checkpoint(write_checkpoint(folder, **fields))
    return register_model(actor=None, folder=folder, manifest=raw, card=card)
