"""What a worker computes on."""

import torch
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def require_device() -> None:
    """Raises ImproperlyConfigured where NEVUS_DEVICE names a GPU and this machine has none."""
    name = settings.NEVUS_DEVICE
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ImproperlyConfigured(
            f"NEVUS_DEVICE is {name}, but no GPU can be used here: give the worker one (a driver, "
            "--gpus all, nvidia.com/gpu) and the CUDA image, or set NEVUS_DEVICE=cpu."
        )


def describe_device() -> str:
    """The device that reads here, for the list of workers."""
    if settings.NEVUS_DEVICE.startswith("cuda") or (
        not settings.NEVUS_DEVICE and torch.cuda.is_available()
    ):
        return torch.cuda.get_device_name()
    return settings.NEVUS_DEVICE or "cpu"


def release_memory() -> None:
    """After an out-of-memory the cached blocks would stay held until the restart."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
