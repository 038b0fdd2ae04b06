"""A machine without a GPU can tell where code would mix tensors of a GPU and of the CPU."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

APART = torch.device("meta")  # computes shapes alone, and stands for a GPU


class OneDevice(TorchDispatchMode):
    """Refuses what a GPU would: an operation on tensors of two devices, but for single numbers.

    A number that is asked of a tensor of ``APART`` is 1.
    """

    MOVES = ("aten::_to_copy", "aten::copy_", "aten::index.Tensor")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        if func.name() == "aten::_local_scalar_dense" and tensors[0].device == APART:
            return 1
        devices = {x.device for x in tensors if x.dim()}
        if len(devices) > 1 and not func.name().startswith(self.MOVES):
            raise RuntimeError(f"{func.name()} on tensors of two devices")
        return func(*args, **kwargs or {})
