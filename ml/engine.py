"""The engine under the training loop: accelerate, for mixed precision and several processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from ml.config import Training
from ml.devices import cpu_has_bf16
from ml.errors import TrainingError

if TYPE_CHECKING:
    from accelerate import Accelerator


def start_engine(config: Training) -> Accelerator:
    """The engine of this process: one of those that torchrun started, or the only one.

    Raises TrainingError where it is not installed, or the batch cannot be shared evenly.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        from accelerate.utils import DistributedDataParallelKwargs
    except ImportError as error:
        raise TrainingError(
            "Training needs what is listed in requirements-training.txt: "
            "python -m pip install -r requirements-training.txt"
        ) from error
    # accelerate keeps a precision for the whole process, and the run before may have had another
    AcceleratorState._reset_state()
    # a backbone that stands still leaves parameters without a gradient
    wrapping = DistributedDataParallelKwargs(find_unused_parameters=config.freeze_epochs > 0)
    engine = Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision=_precision(config.precision),
        kwargs_handlers=[wrapping],
    )
    shares = engine.num_processes * config.accumulate
    if config.batch_size % shares:
        raise TrainingError(
            f"A batch of {config.batch_size} images cannot be shared by {engine.num_processes} "
            f"processes in {config.accumulate} parts each; choose a multiple of {shares}."
        )
    return engine


def _precision(wanted: str) -> str:
    cuda = torch.cuda.is_available()
    if wanted == "auto":
        return "bf16" if cuda or cpu_has_bf16() else "no"
    if wanted not in ("no", "bf16", "fp16"):
        raise TrainingError(f"There is no precision '{wanted}'; there are: auto, no, bf16, fp16.")
    if wanted == "fp16" and not cuda:
        raise TrainingError("Precision fp16 needs a GPU; choose auto, no or bf16.")
    return wanted


def is_main() -> bool:
    """Whether this process is the one that writes and speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def is_alone() -> bool:
    """Whether no other process has a share of each batch."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1


def processes_here() -> int:
    """How many processes share this machine's memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
