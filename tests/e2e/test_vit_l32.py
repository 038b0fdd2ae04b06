"""The full-size ViT-L/32 on PostgreSQL, Redis and a worker process of its own.

Random weights: what is tested is the way of the image, not the answer.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.taxonomy import BY_CODE, HAM10000
from tests.e2e.clinic import make_clinic, new_lesion, upload, wait_until
from tests.support.api import ApiClient
from tests.support.pictures import photographs
from tests.support.stack import ROOT, Stack

pytestmark = pytest.mark.timeout(600)
PARAMETERS = 306_282_375


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("checkpoints") / "vit_l32"
    command = [sys.executable, "-m", "ml", "init", "vit_l32_dnn", "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    yield folder
    # 1.2 GB that pytest would keep
    shutil.rmtree(folder)


def test_vit_l32_reads_a_photograph(stack: Stack, checkpoint: Path) -> None:
    token = make_clinic(stack, checkpoint=checkpoint)
    api = ApiClient(stack.start_web().url, token)
    worker = stack.start_worker(beat=True)
    request = upload(api, new_lesion(api, "vit-l32"), photographs(1)[0])
    wait_until(lambda: not is_open(api, request), seconds=300)
    read = api.get(f"/diagnoses/{request}/").body
    assert read["status"] == "succeeded", read["failure"]
    assert read["model"]["name"] == "vit_l32_dnn"
    probabilities = read["prediction"]["probabilities"]
    assert set(probabilities) == {BY_CODE[code].label for code in HAM10000}
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-6)
    card = api.get(f"/models/{read['model']['id']}/").body
    assert card["parameters"] == PARAMETERS
    worker.stop()


def is_open(api: ApiClient, request: str) -> bool:
    return api.get(f"/diagnoses/{request}/").body["status"] in ("queued", "running")
