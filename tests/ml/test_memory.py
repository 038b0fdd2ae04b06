"""Memory is kept from one batch to the next."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# pages that the system has to give while a tensor of 40 MB is made and dropped twenty times again
PAGES = """
import resource, sys, threading
import torch
from ml.memory import keep_memory

told = keep_memory() if sys.argv[1] == "kept" else None

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def make():
    for _ in range(20):
        torch.ones(10_000_000)

def count():
    make()
    before = faults()
    make()
    print(told, faults() - before)

lane = threading.Thread(target=count)
lane.start()
lane.join()
"""


def pages(how):
    command = [sys.executable, "-c", PAGES, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told, count = done.stdout.split()
    return told, int(count)


def test_a_thread_gets_the_memory_of_its_last_batch():
    told, kept = pages("kept")
    if told == "False":
        pytest.skip("The C library is not glibc.")
    _, given_back = pages("given back")
    assert kept * 10 < given_back
