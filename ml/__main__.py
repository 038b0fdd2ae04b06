"""``python -m ml``."""

import os
import sys

from ml.cli import main
from ml.memory import keep_memory

keep_memory()
code = main()
if "RANK" in os.environ:
    # One of those that torchrun started, with all its work done. Threads of PyTorch's link to the
    # others may still let go of tensors while Python shuts down, and abort the process
    # (https://github.com/pytorch/pytorch/pull/179291), also after destroy_process_group.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
sys.exit(code)
