"""Where a worker meets the model: the only package that imports all of ml.

Only tasks and management commands import it, so that the web process never loads torch.
"""

from diagnosis.inference.device import describe_device, require_device
from diagnosis.inference.loading import read_checkpoint
from diagnosis.inference.reader import LOADED_MODELS, Reader, get_reader, warm_up
from ml.errors import CheckpointError
from ml.memory import keep_memory

__all__ = [
    "LOADED_MODELS",
    "CheckpointError",
    "Reader",
    "describe_device",
    "get_reader",
    "keep_memory",
    "read_checkpoint",
    "require_device",
    "warm_up",
]
