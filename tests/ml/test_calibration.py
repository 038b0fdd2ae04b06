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


def test_calibration_makes_new_labels_likelier_and_leaves_balanced_accuracy(skewed):
    scores, labels = skewed
    fitted = calibration.fit_calibration(scores[:1500], labels[:1500])
    assert fitted["prior"] == 0.1
    assert [lead > 0.1 for lead in fitted["lead"]] == [code == "nv" for code in CLASSES]
    after = calibration.calibrate(scores[1500:], fitted)
    before = calibration.calibrate(scores[1500:], {"temperature": fitted["temperature"]})
    old, new = (
        metrics.overall_figures(labels[1500:], p, CLASSES, np.ones(1500)) for p in (before, after)
    )
    own = np.arange(1500), labels[1500:]
    assert np.log(after[own]).mean() > np.log(before[own]).mean() + 0.05
    assert new["brier"] < old["brier"]
    assert new["auc_malignant"] >= old["auc_malignant"]
    assert new["balanced_accuracy"] > old["balanced_accuracy"] - 0.01
    # what is called a nevus and what is not are each as sure as they are right
    called = after.argmax(1) == 5
    for group in (called, ~called):
        right = (after.argmax(1) == labels[1500:])[group].mean()
        assert after.max(1)[group].mean() == pytest.approx(right, abs=0.06)


def test_a_lead_is_that_of_the_likeliest_class_alone():
    logits = np.array([[2.0, 0.5, -1.0], [0.0, 3.0, 2.75], [1.0, 1.0, 0.0]])
    assert calibration.leads(logits).tolist() == [[1.5, 0, 0], [0, 0.25, 0], [0, 0, 0]]


def test_a_lead_makes_no_other_class_the_likeliest(skewed):
    scores, _ = skewed
    plain = {"temperature": 2.0, "bias": [0.1, 0, 0, -0.2, 0, 0.3, 0]}
    lead = [0.0, 0.5, 0.0, 0.0, 0.0, 2.0, 0.0]
    without, stretched = (calibration.calibrate(scores, c) for c in (plain, plain | {"lead": lead}))
    assert (without.argmax(1) == stretched.argmax(1)).all()
    led = np.isin(without.argmax(1), (1, 5))
    assert (stretched.max(1) > without.max(1))[led].all()
    assert np.allclose(stretched[~led], without[~led])
    # what lies behind keeps its shares
    rest = np.delete(np.arange(7), 5)
    nevus = without.argmax(1) == 5
    shares = [
        p[nevus][:, rest] / p[nevus][:, rest].sum(1, keepdims=True) for p in (without, stretched)
    ]
    assert np.allclose(*shares)


def test_a_model_that_knows_the_mix_gets_neither_prior_nor_lead(skewed):
    scores, labels = skewed
    mix = np.log(np.bincount(labels) / len(labels))
    # the same scores are 2.5 times too sure, and the mix is not
    fitted = calibration.fit_calibration(scores + 2.5 * mix, labels)
    assert fitted["prior"] == 0
    assert max(fitted["lead"]) < 0.1


def test_scores_that_are_always_right_end_at_the_sharpest():
    labels = np.arange(40) % 4
    fitted = calibration.fit_calibration(8.0 * np.eye(4)[labels], labels)
    assert fitted["temperature"] >= calibration.SHARPEST
    assert np.isfinite(calibration.calibrate(8.0 * np.eye(4)[labels], fitted)).all()


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
