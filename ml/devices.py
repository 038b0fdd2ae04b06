"""Which device, and in which precision."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def pick_device(name: str | None = None) -> torch.device:
    """The named device, else the GPU where there is one, else the CPU."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def channels_last(model: Model) -> Model:
    """The model with its weights laid out as convolutions on CPUs and new GPUs like them."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@cache
def cpu_has_bf16() -> bool:
    """Whether the CPU computes in bf16 by instructions of its own (twice as fast as in fp32)."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def inference_autocast(device: torch.device) -> torch.autocast:
    """bf16 on a GPU; fp32 on a CPU, so that every CPU gives the same answer."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
