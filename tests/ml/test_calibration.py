"""Probabilities and thresholds that mean what they say."""

import numpy as np
import pytest

from ml import calibration, metrics

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
LESIONS = [str(i) for i in range(3000)]


@pytest.fixture
def skewed():
    """Scores of a model that thinks classes equally common, on data where they are not."""
    rng = np.random.default_rng(0)
    labels = rng.choice(7, 3000, p=[0.03, 0.05, 0.11, 0.02, 0.11, 0.66, 0.02])
    scores = rng.normal(size=(3000, 7)) + 2.5 * np.eye(7)[labels]
    return np.log(calibration.softmax(2.5 * scores)), labels


def test_the_prior_makes_new_labels_likelier_and_leaves_balanced_accuracy(skewed):
    scores, labels = skewed
    fitted = calibration.fit_calibration(scores[:1500], labels[:1500])
    assert fitted["prior"] == 0.3
    after = calibration.calibrate(scores[1500:], fitted)
    plain = calibration.fit_temperature(scores[:1500], labels[:1500])
    before = calibration.softmax(scores[1500:] / plain)
    old, new = (
        metrics.overall_figures(labels[1500:], p, CLASSES, np.ones(1500)) for p in (before, after)
    )
    own = np.arange(1500), labels[1500:]
    assert np.log(after[own]).mean() > np.log(before[own]).mean()
    assert new["brier"] < old["brier"]
    assert new["auc_malignant"] >= old["auc_malignant"]
    assert new["balanced_accuracy"] > old["balanced_accuracy"] - 0.02


def test_a_model_that_knows_the_mix_gets_no_prior(skewed):
    scores, labels = skewed
    mix = np.log(np.bincount(labels) / len(labels))
    # the same scores are 2.5 times too sure, and the mix is not
    assert calibration.fit_calibration(scores + 2.5 * mix, labels)["prior"] == 0


def test_a_manifest_without_bias_is_a_temperature(skewed):
    scores, _ = skewed
    plain = calibration.calibrate(scores, {"temperature": 2.0})
    assert np.allclose(plain, calibration.softmax(scores / 2))


def test_the_assured_threshold_asks_for_more_than_it_promises():
    scores = np.linspace(0, 1, 200)
    chosen = calibration.assured_threshold(scores, 0.90, 200)
    # 187 of 200 is the least count whose lower bound, by Clopper and Pearson, is above 0.90
    assert (scores >= chosen).sum() == 188
    assert (scores >= calibration.assured_threshold(scores, 0.90, 50)).sum() > 188


def test_too_few_lesions_take_the_lowest_score():
    assert calibration.assured_threshold(np.array([0.4, 0.9]), 0.95, 2) == pytest.approx(0.4)


def test_prediction_sets_hold_both_kinds(skewed):
    scores, labels = skewed
    probabilities = calibration.softmax(scores)
    chosen = calibration.choose_thresholds(
        probabilities[:1500], labels[:1500], CLASSES, LESIONS[:1500]
    )
    figures = metrics.threshold_figures(
        labels[1500:], probabilities[1500:], CLASSES, chosen, np.ones(1500)
    )
    assert figures["prediction_set_coverage_malignant"] > 0.86
    assert figures["prediction_set_coverage"] > 0.86
    assert figures["malignant_sensitivity_at_medium"] > 0.88  # 282 cases: half a width of 0.03


def test_operating_points_are_for_malignant_and_melanoma(skewed):
    scores, labels = skewed
    points = calibration.choose_operating_points(
        calibration.softmax(scores), labels, CLASSES, LESIONS
    )
    assert [(p["target"], p["sensitivity"]) for p in points] == [
        ("malignant", 0.9),
        ("malignant", 0.95),
        ("melanoma", 0.9),
        ("melanoma", 0.95),
    ]
    assert points[0]["threshold"] > points[1]["threshold"]


def test_a_model_without_melanoma_has_no_point_for_it():
    rng = np.random.default_rng(0)
    labels, p = rng.integers(0, 2, 200), rng.dirichlet([1, 1], 200)
    points = calibration.choose_operating_points(p, labels, ("benign", "malignant"), LESIONS[:200])
    assert {point["target"] for point in points} == {"malignant"}


def test_without_malignant_images_the_defaults_stay():
    p = np.random.default_rng(0).dirichlet(np.ones(7), 20)
    chosen = calibration.choose_thresholds(p, np.full(20, 5), CLASSES, LESIONS[:20])
    assert chosen == calibration.DEFAULT_THRESHOLDS
