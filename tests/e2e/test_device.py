"""A worker that was promised a GPU and finds none ends, and says so."""

import subprocess
import sys

import pytest
import torch

from tests.support.stack import ROOT, Stack


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.timeout(120)
def test_a_worker_without_its_gpu_does_not_start(stack: Stack) -> None:
    options = ["--queues", "inference", "--pool", "threads", "--concurrency", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "config", "worker", *options],
        cwd=ROOT,
        env=stack.environment(NEVUS_DEVICE="cuda"),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 1
    assert "NEVUS_DEVICE is cuda, but no GPU can be used here" in done.stderr
    assert " ready." not in done.stdout + done.stderr
