"""Several backbones that look at the same image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ml.errors import RecipeError


class Ensemble(nn.Module):
    """Its ``members`` side by side: their features, joined.

    The members are convolutional and have as many features as their maps have channels. The head
    ``ensemble`` gives each member's part to that member's own head.
    """

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)
        if not all(hasattr(member, "forward_map") for member in self.members):
            raise RecipeError("The members of an ensemble are convolutional.")
        self.widths: list[int] = [member.features for member in self.members]  # type: ignore[misc]
        self.features = sum(self.widths)
        self.outlines = any(getattr(member, "outlines", False) for member in self.members)

    def forward_map(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        maps = [member.forward_map(images) for member in self.members]  # type: ignore[operator]
        return torch.cat(maps, 1)  # (B, D1 + D2 + ..., h, w)

    def pool(self, maps: Tensor) -> Tensor:
        parts = maps.split(self.widths, 1)
        pooled = [m.pool(part) for m, part in zip(self.members, parts, strict=True)]  # type: ignore[operator]
        return torch.cat(pooled, 1)  # (B, D1 + D2 + ...)

    def forward_outlined(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, D), and the mean (B, h, w) of those members' outlines that draw one."""
        features, drawn = [], []
        for member in self.members:
            if getattr(member, "outlines", False):
                seen, outline = member.forward_outlined(images)  # type: ignore[operator]
                drawn.append(outline)
            else:
                seen = member(images)
            features.append(seen)
        return torch.cat(features, 1), torch.stack(drawn).mean(0)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([member(images) for member in self.members], 1)
