"""Heat maps: where on a picture a model looked when it answered for a class.

Each kind of network has its own method: Grad-CAM for convolutions, attention rollout weighted by
gradients for transformers, and occlusion of the map where the head has no gradient (trees). A heat
map shows what the answer rests on; it does not show that the answer is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ml.classifier import Classifier
from ml.config import Preprocessing
from ml.errors import PredictionError
from ml.heads.fitting import is_fitted
from ml.predictor import Predictor
from ml.preprocessing import lies_turned


def explain(
    predictor: Predictor,
    image: Image.Image,
    class_code: str,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """The heat map of ``image`` (any mode, W x H) for one class: float32 (H, W) in [0, 1].

    ``size`` is another width and height for the map, in the picture's proportions.

    1 is where the model looked most, 0 where it did not look or what it never saw, such as the
    margins that preprocessing cuts off. One view is read, without the patient's other lesions.
    Raises PredictionError for a class that the model does not give.
    """
    classes = predictor.manifest.classes
    if class_code not in classes:
        raise PredictionError(f"The model gives no class '{class_code}', but {', '.join(classes)}.")
    pixels = predictor.prepare(image)[None].to(predictor.device)  # (1, 3, H, W)
    with torch.inference_mode(False), torch.enable_grad():
        heat = heat_map(predictor.model, pixels.clone(), classes.index(class_code))  # (h, w)
    return to_original(heat.float().cpu(), size or image.size, predictor.manifest.preprocessing)


def heat_map(model: Classifier, images: Tensor, index: int) -> Tensor:
    """Relevance (h, w), not negative, of one picture (1, 3, H, W) for the class ``index``."""
    if hasattr(model.backbone, "attend"):
        return rolled_attention(model, images, index)
    if is_fitted(model):
        return occlusion(model, images, index)
    return grad_cam(model, images, index)


def grad_cam(model: Classifier, images: Tensor, index: int) -> Tensor:
    """Grad-CAM: Selvaraju et al., arXiv:1610.02391, equations 1 and 2."""
    backbone = model.backbone
    maps = backbone.forward_map(images).detach().requires_grad_()  # type: ignore[operator]
    score = model.forward_head(backbone.pool(maps))[0, index]  # type: ignore[operator]
    (gradient,) = torch.autograd.grad(score, maps)  # (1, C, h, w)
    weights = gradient.mean((2, 3), keepdim=True)  # (1, C, 1, 1)
    return (weights * maps).sum(1)[0].relu().detach()  # (h, w)


def rolled_attention(model: Classifier, images: Tensor, index: int) -> Tensor:
    """What the class token attended to, layer over layer, as far as it raised the class's score."""
    features, attentions = model.backbone.attend(images.requires_grad_())  # type: ignore[operator]
    score = model.forward_head(features)[0, index]
    gradients = torch.autograd.grad(score, attentions)
    return roll_out([a.detach() for a in attentions], gradients)


def roll_out(attentions: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """Relevance (h, w) of the patches, from each layer's attention (1, heads, 1 + N, 1 + N).

    Chefer, Gur and Wolf, arXiv:2103.15679, equations 5 and 6.
    """
    tokens = attentions[0].shape[-1]
    relevance = torch.eye(tokens, device=attentions[0].device)
    for attention, gradient in zip(attentions, gradients, strict=True):
        raised = (attention * gradient).relu().mean(1)[0]  # (1 + N, 1 + N)
        relevance = relevance + raised @ relevance
    side = round((tokens - 1) ** 0.5)
    return relevance[0, 1:].view(side, side)


def occlusion(model: Classifier, images: Tensor, index: int) -> Tensor:
    """How much the class loses when a place of the map is replaced by the map's mean.

    Occlusion as in Zeiler and Fergus, arXiv:1311.2901, of the map in the place of the picture.
    """
    backbone = model.backbone
    maps = backbone.forward_map(images).detach()  # type: ignore[operator]  # (1, C, h, w)
    height, width = maps.shape[2:]
    covers = torch.eye(height * width, device=maps.device).view(-1, 1, height, width)
    covered = torch.where(covers > 0, maps.mean((2, 3), keepdim=True), maps)  # (hw, C, h, w)
    answers = model.forward_head(backbone.pool(torch.cat([maps, covered]))).exp()  # type: ignore[operator]
    return (answers[0, index] - answers[1:, index]).relu().view(height, width).detach()


def to_original(heat: Tensor, size: tuple[int, int], config: Preprocessing) -> np.ndarray:
    """A heat map (h, w) of what the model saw in the coordinates of the picture: (H, W) in [0, 1].

    ``size`` is the picture's width and height. It undoes ``ml.preprocessing.resize``.
    """
    turned = lies_turned(size, config)
    width, height = size[::-1] if turned else size
    seen = seen_shape(width, height, config)
    spread = F.interpolate(heat[None, None], seen, mode="bilinear", align_corners=False)[0, 0]
    whole = np.zeros((height, width), dtype=np.float32)
    inner, outer = zip(*map(middle, seen, whole.shape), strict=True)
    whole[outer] = spread.clamp(min=0).numpy()[inner]
    peak = whole.max()
    whole = whole / peak if peak > 0 else whole
    return np.ascontiguousarray(np.rot90(whole, -1)) if turned else whole


def seen_shape(width: int, height: int, config: Preprocessing) -> tuple[int, int]:
    """Height and width of what the model saw, in pixels of the picture: less than the picture for
    "cover", and more, by the mirrored margins, for "whole"."""
    if config.resize == "squash":
        return height, width
    wide = width > height * config.aspect
    if wide == (config.resize == "cover"):
        return height, round(height * config.aspect)
    return round(width / config.aspect), width


def middle(one: int, other: int) -> tuple[slice, slice]:
    """Where the middles of two lengths lie over each other, in the one and in the other."""
    common = min(one, other)
    starts = (one - common) // 2, (other - common) // 2
    return slice(starts[0], starts[0] + common), slice(starts[1], starts[1] + common)
