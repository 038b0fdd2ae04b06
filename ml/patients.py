"""What a context sees: the features of the patient's other images, as last computed.

Computing them for every step would cost a pass over all images of each patient; so they are kept,
and computed again between the epochs.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ml.config import Preprocessing
from ml.preprocessing import normalise

if TYPE_CHECKING:
    from ml.classifier import Classifier
    from ml.data.loading import Images

MOST = 32  # others of one image


class PatientFeatures:
    """Features (N, D) of all images of a data set, by patient."""

    def __init__(self, images: Images):
        self.images = images
        self.features = torch.zeros(0)
        members: dict[str, list[int]] = defaultdict(list)
        for index, sample in enumerate(images.samples):
            members[sample.group].append(index)
        self.members = [members[sample.group] for sample in images.samples]

    @torch.inference_mode()
    def refresh(self, model: Classifier, device: torch.device, size: Preprocessing) -> None:
        """Compute the features again with ``model``, which is left in evaluation mode."""
        model.eval()
        found: dict[int, Tensor] = {}
        draws = torch.arange(len(self.images.samples)).split(128)
        for indices, pixels in self.images.batches(draws):
            features = model.forward_features(normalise(pixels, size).to(device)).float().cpu()
            found.update(zip(indices.tolist(), features, strict=True))
        blank = torch.zeros_like(next(iter(found.values())))
        every = range(len(self.images.samples))
        # a plain tensor: one made in inference mode could not take part in a gradient
        with torch.inference_mode(False):
            self.features = torch.stack([found.get(i, blank).clone() for i in every])  # (N, D)

    def others(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, M, D) of the other images of each one's patient, and where there is one.

        M is the largest number in the batch, at least 1.
        """
        lists = [[m for m in self.members[i] if m != i][:MOST] for i in indices.tolist()]
        most = max(1, *(len(members) for members in lists))
        mask = torch.tensor([[k < len(members) for k in range(most)] for members in lists])
        places = torch.tensor([members + [0] * (most - len(members)) for members in lists])
        return self.features[places] * mask[..., None], mask
