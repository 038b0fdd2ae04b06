"""Batch norms folded into the convolutions before them: the same sums in one pass over each map."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norms(model: nn.Module) -> int:
    """Fold, in place, the norms of transformers' ResNet into its convolutions; how many there were.

    For reading alone: at reading a norm multiplies and adds what it learnt, which a convolution's
    own weights and bias can do. Other networks are left as they are.
    """
    model.eval()
    folded = 0
    for layer in model.modules():
        convolution = getattr(layer, "convolution", None)
        norm = getattr(layer, "normalization", None)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            layer.convolution = fuse_conv_bn_eval(convolution, norm)
            layer.normalization = nn.Identity()
            folded += 1
    return folded
