"""Tensors that become answers: what the model says of each picture of a batch, or why nothing."""

import logging
import uuid

import torch

from diagnosis.inference.device import release_memory
from diagnosis.services.features import features_of_others, pack
from diagnosis.services.queue import Answer, Claim
from ml.manifest import Manifest
from ml.patients import MOST, Others
from ml.predictor import Answer as Reading
from ml.predictor import Predictor
from ml.refusal import NOT_A_LESION, verdict
from ml.taxonomy import BY_CODE, malignancy_probability

logger = logging.getLogger(__name__)


def predict(
    predictor: Predictor, tensors: dict[uuid.UUID, torch.Tensor], claim: Claim
) -> list[Answer]:
    """One answer an image. Where the batch fails, each image is tried alone."""
    if not tensors:
        return []
    others = others_of(predictor, list(tensors), claim)
    try:
        answer = predictor.read(torch.stack(list(tensors.values())), others)
    except Exception as error:
        release_memory()
        if len(tensors) == 1:
            (key,) = tensors
            logger.exception("request %s could not be read", key)
            return [Answer(key, failure="prediction_error")]
        logger.warning("a batch failed (%s); its images are read alone", type(error).__name__)
        return [
            answer for item in tensors.items() for answer in predict(predictor, dict([item]), claim)
        ]
    counts = [None] * len(tensors) if others is None else others.counts()
    return [
        answer_of(key, answer, place, predictor.manifest, counts[place])
        for place, key in enumerate(tensors)
    ]


def others_of(predictor: Predictor, keys: list[uuid.UUID], claim: Claim) -> Others | None:
    """The patients' other images beside these requests', for a model that looks at them."""
    if not predictor.sees_patient:
        return None
    rows = {row.pk: row for row in claim.requests}
    images = [rows[key].image for key in keys]
    kept, mates = features_of_others(claim.model_version, images, most=MOST)
    return Others.of_rows(kept, mates, predictor.width)


def answer_of(
    key: uuid.UUID, found: Reading, place: int, manifest: Manifest, others: int | None
) -> Answer:
    """The answer for one place of a batch, or a refusal to give one."""
    outlier = None if found.outlier_scores is None else float(found.outlier_scores[place])
    if verdict(outlier, manifest.refusal) == NOT_A_LESION:
        return Answer(key, failure=NOT_A_LESION, final=True)
    labels = [BY_CODE[code].label for code in manifest.classes]
    row = found.probabilities[place]  # (K,)
    probabilities = dict(zip(labels, (float(value) for value in row), strict=True))
    return Answer(
        key,
        probabilities,
        malignancy_probability(probabilities),
        outlier_score=outlier,
        edge_share=None if found.edge_shares is None else float(found.edge_shares[place]),
        features=pack(found.features[place]),
        others_used=others,
    )
