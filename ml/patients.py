"""What a context sees: the features of the patient's other images, as last computed.

Computing them for every step would cost a pass over all images of each patient; so they are kept,
and computed again between the epochs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ml.augmentation.canvas import as_read
from ml.config import Preprocessing
from ml.data.loading import AT_ONCE
from ml.errors import PredictionError
from ml.preprocessing import normalise

if TYPE_CHECKING:
    from ml.classifier import Classifier
    from ml.data.loading import Images
    from ml.data.samples import Sample

MOST = 32  # others of one image


@dataclass(frozen=True)
class Others:
    """What is known of the patients of a batch of B images, when it is read.

    ``features`` (B, M, D) were kept from earlier readings, ``mask`` (B, M) is true where there is
    one. ``mates`` (B, B) is true where image j of the batch is another one of image i's patient,
    of which nothing was kept: what the model sees of it now counts.
    """

    features: Tensor
    mask: Tensor
    mates: Tensor

    def beside(self, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, M + B, D) and mask (B, M + B), with those that were just computed (B, D).

        Raises PredictionError where the kept ones are of another batch or another model.
        """
        count, width = fresh.shape
        kept = self.features
        if (len(kept), kept.shape[2]) != (count, width) or self.mates.shape != (count, count):
            raise PredictionError(
                f"The patients' other images are of shape {tuple(kept.shape)}; they must be "
                f"({count}, M, {width})."
            )
        everything = torch.cat([kept.to(fresh), fresh.expand(count, -1, -1)], 1)
        return everything, torch.cat([self.mask, self.mates], 1).to(fresh.device)

    @classmethod
    def of_rows(cls, kept: Sequence[Sequence[np.ndarray]], mates: np.ndarray, width: int) -> Others:
        """Of each image the kept features (``width``,) of others, the first ones first, and
        ``mates`` (B, B); at most MOST others an image, of which the mates come first."""
        mates = mates & (mates.cumsum(1) <= MOST)
        room = [MOST - int(count) for count in mates.sum(1)]
        lists = [list(rows[:most]) for rows, most in zip(kept, room, strict=True)]
        longest = max((len(rows) for rows in lists), default=0)
        features = np.zeros((len(lists), longest, width), dtype=np.float32)
        for place, rows in enumerate(lists):
            features[place, : len(rows)] = np.reshape(rows, (-1, width))
        mask = np.arange(longest) < np.array([[len(rows)] for rows in lists])  # (B, M)
        return cls(torch.from_numpy(features), torch.from_numpy(mask), torch.from_numpy(mates))

    def counts(self) -> list[int]:
        """How many others each image has."""
        return (self.mask.sum(1) + self.mates.sum(1)).tolist()


class PatientFeatures:
    """Features (N, D) of all images of a data set, by patient."""

    def __init__(self, images: Images):
        self.images = images
        self.features = torch.zeros(0)
        members: dict[str, list[int]] = defaultdict(list)
        for index, sample in enumerate(images.samples):
            members[_whose(sample)].append(index)
        self.members = [members[_whose(sample)] for sample in images.samples]

    @torch.inference_mode()
    def refresh(self, model: Classifier, device: torch.device, size: Preprocessing) -> None:
        """Compute the features again with ``model``, which is left in evaluation mode.

        ``size`` is the preprocessing of reading: of a canvas to train on, what it would show.
        """
        model.eval()
        found: dict[int, Tensor] = {}
        draws = torch.arange(len(self.images.samples)).split(AT_ONCE)
        for indices, pixels in self.images.batches(draws):
            seen = normalise(as_read(pixels.to(device), size), size)
            features = model.forward_features(seen).float().cpu()
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


def _whose(sample: Sample) -> str:
    """The patient; the group, where none is known. A group may join patients by a duplicate."""
    return f"patient {sample.patient}" if sample.patient else f"group {sample.group}"
