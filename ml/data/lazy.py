"""Images that are decoded when a batch wants them, for data sets that are larger than memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml.data.decoding import UNREADABLE, open_image, upright, usable_cpus
from ml.data.samples import Sample, label_indices
from ml.progress import progress

AHEAD = 3  # batches that are decoded before they are asked for


@dataclass
class LazyImages:
    """The same as a Cache, decoded anew for every batch in threads.

    PIL decodes and resizes without the interpreter's lock, so threads are enough.
    """

    labels: Tensor
    samples: list[Sample]
    to_pixels: Callable[[Image.Image], np.ndarray]
    skipped: list[str] = field(default_factory=list)

    def batches(self, draws: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """For each draw of indices (B,): the indices (B,) and their pixels uint8 (B, 3, H, W).

        An image that cannot be decoded is listed, and its place is taken by another of the batch; a
        draw of such images alone yields nothing.
        """
        with ThreadPoolExecutor(usable_cpus()) as pool:
            waiting: deque[tuple[Tensor, list[Future[Tensor]]]] = deque()
            try:
                for indices in draws:
                    waiting.append((indices, [pool.submit(self._read, i) for i in indices]))
                    if len(waiting) > AHEAD:
                        yield from self._gather(*waiting.popleft())
                while waiting:
                    yield from self._gather(*waiting.popleft())
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, index: Tensor) -> Tensor:
        with open_image(self.samples[int(index)].path) as image:
            return torch.from_numpy(self.to_pixels(upright(image))).permute(2, 0, 1)  # (3, H, W)

    def _gather(
        self, indices: Tensor, futures: list[Future[Tensor]]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        read: dict[int, Tensor] = {}
        for place, future in enumerate(futures):
            try:
                read[place] = future.result()
            except UNREADABLE as error:
                self._skip(int(indices[place]), str(error))
        if good := list(read):
            places = [p if p in read else good[p % len(good)] for p in range(len(indices))]
            yield indices[places], torch.stack([read[place] for place in places])

    def _skip(self, index: int, reason: str) -> None:
        line = f"{self.samples[index].path.name}: {reason}"
        if line not in self.skipped:
            self.skipped.append(line)


def open_lazily(
    samples: Sequence[Sample],
    classes: Sequence[str],
    to_pixels: Callable[[Image.Image], np.ndarray],
    title: str = "check",
) -> LazyImages:
    """Images to be decoded later; a file that is missing or no picture is skipped, and listed."""
    labels = label_indices(samples, classes)
    kept, skipped = [], []
    for index, sample in enumerate(progress(samples, title)):
        try:
            with open_image(sample.path):
                kept.append(index)
        except UNREADABLE as error:
            skipped.append(f"{sample.path.name}: {error}")
    return LazyImages(labels[kept], [samples[i] for i in kept], to_pixels, skipped)
