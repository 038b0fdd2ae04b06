"""Tell what is no lesion, or unlike what the model has seen, from the model's own features.

Lesions that the model knows are one Gaussian of unit-length features; the score of a picture is its
squared Mahalanobis distance, a dimension (Lee et al., arXiv:1807.03888, with one Gaussian for all
classes; of unit length as in Sun et al., arXiv:2204.06507). It is fitted on real lesions alone: no
pictures of other things are needed, and none can be overfitted.

A picture without colours lies beyond all that is known, whatever its shapes: the least colourful of
12,005 dermoscopic images (HAM10000, ISIC 2017) has a chroma of 0.016, twice the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ml.data.splits import group_folds

NOT_A_LESION, UNFAMILIAR = "not_a_lesion", "unfamiliar"
# shares of known lesions below each threshold; 1 in 100 is refused, 1 in 40 gets a warning
ACCEPTED = {NOT_A_LESION: 0.99, UNFAMILIAR: 0.975}
FOLDS = 5
FEWEST = 20
COLOURLESS = 0.008  # chroma (ml.preprocessing), in [0, 1]
BEYOND = 1000.0  # the score of what is colourless


@dataclass(frozen=True)
class Familiar:
    """Where known lesions lie: ``mean`` (D,), and ``factor`` (D, D) of the inverse covariance."""

    mean: np.ndarray
    factor: np.ndarray

    def score(self, features: np.ndarray) -> np.ndarray:
        """The distance (B,) of features (B, D); about 1 for what is known."""
        # by torch: numpy's product has threads of its own, which would keep a core from the network
        # for a tenth of a second after each batch
        centred = torch.from_numpy(_unit(features) - self.mean)
        whitened = centred @ torch.from_numpy(self.factor)
        return (whitened**2).mean(1).numpy()

    def score_pictures(self, features: np.ndarray, chromas: np.ndarray) -> np.ndarray:
        """``score``, but BEYOND where the picture has no colours; ``chromas`` are (B,)."""
        return np.where(chromas < COLOURLESS, BEYOND, self.score(features))

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean, "factor": self.factor}

    @classmethod
    def of_arrays(cls, arrays: dict[str, np.ndarray]) -> Familiar:
        return cls(arrays["mean"], arrays["factor"])


def fit_familiar(features: np.ndarray) -> Familiar:
    """Fit to features (N, D) of real lesions, with Ledoit and Wolf's shrinkage (2004)."""
    from sklearn.covariance import ledoit_wolf

    unit = _unit(features)
    covariance, _ = ledoit_wolf(unit)
    # a dimension that never moves must not divide by zero
    ridge = 1e-6 * np.trace(covariance) / len(covariance) + 1e-12
    factor = np.linalg.cholesky(np.linalg.inv(covariance + ridge * np.eye(len(covariance))))
    return Familiar(unit.mean(0), factor)


def fit_refusal(
    features: np.ndarray,
    groups: Sequence[str],
    changed: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[Familiar, dict[str, float]] | None:
    """Statistics and thresholds from validation features (N, D) of lesions ``groups`` (N,).

    The thresholds are quantiles of scores that each come from a fit without that lesion, because a
    fit is nearer to its own images than to new ones. Images that are ``changed`` (N,), as another
    camera may show them, have a part in the statistics and none in the thresholds. None where there
    are too few lesions.
    """
    if len(set(groups)) < FEWEST:
        return None
    fold = group_folds(groups, FOLDS, seed)
    scores = np.zeros(len(features))
    for left_out in range(FOLDS):
        out = fold == left_out
        scores[out] = fit_familiar(features[~out]).score(features[out])
    own = scores if changed is None else scores[~changed]
    quantiles = {n: float(np.quantile(own, share)) for n, share in ACCEPTED.items()}
    return fit_familiar(features), {n: round(value, 6) for n, value in quantiles.items()}


def verdict(score: float | None, refusal: dict[str, float]) -> str:
    """What the manifest's ``refusal`` makes of a score: NOT_A_LESION, UNFAMILIAR or nothing."""
    if score is None:
        return ""
    for name in (NOT_A_LESION, UNFAMILIAR):
        if score > refusal.get(name, np.inf):
            return name
    return ""


def _unit(features: np.ndarray) -> np.ndarray:
    values = features.astype(np.float64)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
