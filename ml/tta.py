"""Test-time augmentation: the views of an image whose answers are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ml.classifier import Classifier

View = Callable[[Tensor], Tensor]


def _turn(quarters: int, flip: bool) -> View:
    def view(images: Tensor) -> Tensor:  # (B, 3, H, W)
        turned = torch.rot90(images, quarters, dims=(-2, -1))
        return turned.flip(-1) if flip else turned

    return view


# a lesion has no up and no left; "dihedral" holds all eight symmetries of the square
VIEWS: dict[str, list[View]] = {
    "none": [_turn(0, False)],
    "mirror": [_turn(0, False), _turn(2, True)],
    "flips": [_turn(0, False), _turn(0, True), _turn(2, False), _turn(2, True)],
    "dihedral": [_turn(quarters, flip) for flip in (False, True) for quarters in range(4)],
}


def view_features(model: Classifier, images: Tensor, tta: str) -> Tensor:
    """Features (V, B, D) of the V views of ``tta`` of images (B, 3, H, W).

    The views go through the backbone one after another, so memory does not grow with their number.
    """
    return torch.stack([model.forward_features(view(images)) for view in VIEWS[tta]])


def look(model: Classifier, images: Tensor, tta: str) -> tuple[Tensor, Tensor | None]:
    """``view_features``, and the outline (B, h, w) of the pictures themselves.

    The outline is None for a model that draws none. The views of one image alone are one batch: for
    a small map alone torch takes a slower convolution (use_mkldnn, ATen/native/Convolution.cpp).
    """
    batches, size = _batches(images, tta), len(images)
    seen, outline = [], None
    if model.outlines:
        first, drawn = model.forward_outlined(next(batches))
        seen, outline = [first], drawn[:size]
    seen += [model.forward_features(batch) for batch in batches]
    return torch.cat(seen).unflatten(0, (len(VIEWS[tta]), size)), outline


def _batches(images: Tensor, tta: str) -> Iterator[Tensor]:
    if len(images) != 1:
        return (view(images) for view in VIEWS[tta])
    views = [view(images) for view in VIEWS[tta]]
    alike = all(view.shape == images.shape for view in views)
    return iter([torch.cat(views)] if alike else views)


def average_answers(
    model: Classifier, seen: Tensor, others: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Mean log-probabilities float64 (B, K) over the views whose features are ``seen`` (V, B, D).

    ``others`` (B, M, D) and ``mask`` (B, M) are those of ``Classifier.forward_head``: every view
    is joined with the same other images.
    """
    answers = [model.forward_head(view, others, mask) for view in seen]
    return torch.stack([answer.double().log_softmax(-1) for answer in answers]).mean(0)
