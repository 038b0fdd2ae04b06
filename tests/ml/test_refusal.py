"""Known lesions pass, what lies elsewhere does not."""

import numpy as np
import pytest

from ml.checkpoints import describe, load_classifier, load_statistics, save_checkpoint
from ml.predictor import Predictor
from ml.refusal import BEYOND, NOT_A_LESION, UNFAMILIAR, Familiar, fit_refusal, verdict


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return 5 + rng.normal(size=(800, 24)) @ rng.normal(size=(24, 24)) * 0.3


def test_new_lesions_are_accepted_and_others_refused(features):
    familiar, limits = fit_refusal(features[:600], [str(i) for i in range(600)])
    new = familiar.score(features[600:])
    assert (new > limits[NOT_A_LESION]).mean() <= 0.02
    assert (new > limits[UNFAMILIAR]).mean() <= 0.07
    elsewhere = np.random.default_rng(1).normal(size=(100, 24)) * 5
    assert (familiar.score(elsewhere) > limits[NOT_A_LESION]).mean() >= 0.95


def test_what_was_changed_is_known_and_draws_no_limit(features):
    """Casts move features along a direction of their own; the limits stay those of lesions."""
    groups, cast = [str(i) for i in range(400)], np.eye(24)[0]
    moved = features[:400] + np.random.default_rng(1).normal(0, 3, (400, 1)) * cast
    both, which = np.concatenate([features[:400], moved]), np.arange(800) >= 400
    plain, plain_limits = fit_refusal(features[:400], groups)
    familiar, limits = fit_refusal(both, groups * 2, which)
    new = features[400:]
    assert (familiar.score(new) > limits[NOT_A_LESION]).mean() <= 0.03
    elsewhere = new + np.random.default_rng(2).normal(0, 3, (400, 1)) * cast
    refused = (familiar.score(elsewhere) > limits[NOT_A_LESION]).mean()
    assert refused < (plain.score(elsewhere) > plain_limits[NOT_A_LESION]).mean() / 2
    # a limit of all would be that of what lies furthest
    _, wide = fit_refusal(both, groups * 2)
    assert wide[NOT_A_LESION] > limits[NOT_A_LESION]


def test_length_of_features_says_nothing(features):
    familiar, _ = fit_refusal(features, [str(i) for i in range(800)])
    assert np.allclose(familiar.score(features), familiar.score(7 * features))


def test_what_has_no_colours_is_no_known_lesion(features):
    familiar, limits = fit_refusal(features, [str(i) for i in range(800)])
    chromas = np.full(800, 0.016)
    chromas[3] = 0.004
    scores = familiar.score_pictures(features, chromas)
    assert scores[3] == BEYOND
    assert verdict(scores[3], limits) == NOT_A_LESION
    others = np.arange(800) != 3
    assert np.array_equal(scores[others], familiar.score(features)[others])


def test_too_few_lesions_fit_nothing(features):
    assert fit_refusal(features, ["one"] * 800) is None


def test_a_feature_that_never_moves_is_no_error(features):
    features[:, 3] = 0
    familiar, _ = fit_refusal(features, [str(i) for i in range(800)])
    assert np.isfinite(familiar.score(features)).all()


def test_verdicts():
    limits = {NOT_A_LESION: 3.0, UNFAMILIAR: 2.0}
    found = [verdict(score, limits) for score in (1.0, 2.5, 3.5, None)]
    assert found == ["", UNFAMILIAR, NOT_A_LESION, ""]
    assert verdict(9.0, {}) == ""


def test_statistics_travel_with_the_weights(tmp_path, model, recipe, features, photograph):
    familiar, limits = fit_refusal(features[:, :16], [str(i) for i in range(800)])
    description = describe(recipe, "1") | {"refusal": limits}
    save_checkpoint(tmp_path, model, description, statistics=familiar.arrays())
    again = Familiar.of_arrays(load_statistics(tmp_path))
    assert np.allclose(again.score(features[:, :16]), familiar.score(features[:, :16]), rtol=1e-3)
    assert set(load_classifier(tmp_path).state_dict()) == set(model.state_dict())
    predictor = Predictor(tmp_path)
    answer = predictor.read(predictor.prepare(photograph)[None])
    assert answer.outlier_scores.shape == (1,)
    assert verdict(answer.outlier_scores[0], predictor.manifest.refusal) == NOT_A_LESION


def test_a_checkpoint_without_statistics_scores_nothing(checkpoint, photograph):
    predictor = Predictor(checkpoint)
    assert predictor.read(predictor.prepare(photograph)[None]).outlier_scores is None
