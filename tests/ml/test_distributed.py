"""Two processes that share each batch give what one process gives."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.ml.conftest import write_csv

ROOT = Path(__file__).parents[2]

# no batch norm, augmentation or dropout, so that the two ways differ by rounding alone
SETTINGS = {
    "architecture.backbone.name": "vit",
    "architecture.backbone.options": {"image_size": 32, "patch_size": 16, "size": "tiny"},
    "architecture.head.name": "linear",
    "architecture.head.options": {},
    "preprocessing.size": 32,
    "preprocessing.aspect": 1.0,
    "preprocessing.mean": [0.5, 0.5, 0.5],
    "preprocessing.std": [0.5, 0.5, 0.5],
    "training.batch_size": 16,
    "training.precision": "no",
    "training.fractions": [0.6, 0.2, 0.2],
    "training.augmentation.scale": [1.0, 1.0],
    "training.augmentation.mixup": 0.0,
} | {
    f"training.augmentation.{name}": 0.0
    for name in (
        *("stretch", "shift", "rotation", "brightness", "contrast", "saturation", "hue"),
        *("white_balance", "cutmix_share", "dropout_share"),
    )
}


@pytest.fixture
def plain(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(SETTINGS | {"training.augmentation.flip": False}))
    return file


def train(launcher, ham10000, plain, out, *more):
    command = [sys.executable, "-m", *launcher, "train", "starter", "--epochs", "2", *more]
    command += ["--data", str(ham10000), "--config", str(plain), "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=240
    )


def test_two_processes_give_what_one_gives(ham10000, plain, tmp_path):
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "ml"]
    one = train(["ml"], ham10000, plain, tmp_path / "one")
    two = train(torchrun, ham10000, plain, tmp_path / "two")
    assert one.returncode == 0, one.stderr
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("written") == 1  # one of them speaks
    first, second = (
        torch.load(tmp_path / name / "run" / "state.pt", weights_only=True)
        for name in ("one", "two")
    )
    assert [row["score"] for row in first["rows"]] == [row["score"] for row in second["rows"]]
    for row, other in zip(first["rows"], second["rows"], strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-3)
    for key, value in first["trainer"]["ema"].items():
        assert torch.allclose(value, second["trainer"]["ema"][key], atol=1e-3), key


def test_a_share_of_one_image_is_refused_at_once(ham10000, plain, tmp_path):
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "ml"]
    few = ["training.batch_size=2", "architecture.head.name=dnn"]
    few = ["--set", *few, 'architecture.head.options={"hidden": [8]}']
    answer = train(torchrun, ham10000, plain, tmp_path / "out", *few)
    assert answer.returncode != 0
    assert "fewer than 2 images in a part" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_patients_of_one_image_are_no_obstacle(ham10000, tmp_path):
    """The attention over others must take part in every process's step."""
    shutil.copytree(ham10000 / "images", tmp_path / "data" / "images")
    files = sorted((tmp_path / "data" / "images").iterdir())
    rows = [{"image": file.stem, "label": file.stem.partition("_")[0]} for file in files]
    write_csv(tmp_path / "data" / "labels.csv", rows)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "ml", "train", "efficientnet_b0_context", "--tiny"]
    command += ["--data", str(tmp_path / "data"), "--epochs", "1", "--out", str(tmp_path / "out")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert answer.returncode == 0, answer.stderr


SHUT_DOWN = """
import atexit, runpy, sys
atexit.register(print, "python shuts down")
sys.argv = ["ml", *sys.argv[1:]]
runpy.run_module("ml", run_name="__main__")
"""


@pytest.mark.parametrize(("arguments", "code"), [(["recipes"], 0), (["card", "nowhere"], 2)])
def test_one_of_several_processes_ends_without_a_shutdown(arguments, code):
    command = [sys.executable, "-c", SHUT_DOWN, *arguments]
    alone, shared = (
        subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        for env in (os.environ, os.environ | {"RANK": "1"})
    )
    assert alone.returncode == shared.returncode == code
    assert alone.stdout == shared.stdout + "python shuts down\n"
    assert alone.stderr == shared.stderr
    assert shared.stdout or shared.stderr
