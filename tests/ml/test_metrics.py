"""Measures agree with scikit-learn; thresholds keep their promise."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ml import calibration, metrics

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 400)
    logits = rng.normal(size=(400, 7)) + 2 * np.eye(7)[labels]
    return labels, calibration.softmax(logits)


def test_overall_figures_are_scikit_learns(answers):
    labels, probabilities = answers
    figures = metrics.overall_figures(labels, probabilities, CLASSES, np.ones(400))
    given = probabilities.argmax(1)
    assert figures["accuracy"] == pytest.approx(sk.accuracy_score(labels, given))
    assert figures["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, given))
    assert figures["f1_macro"] == pytest.approx(sk.f1_score(labels, given, average="macro"))
    auc = sk.roc_auc_score(labels, probabilities, multi_class="ovr")
    assert figures["auc_one_vs_rest"] == pytest.approx(auc)
    melanoma = sk.roc_auc_score(labels == 4, probabilities[:, 4])
    assert figures["auc_melanoma"] == pytest.approx(melanoma)
    macro = {"average": "macro", "zero_division": 0}
    assert figures["f2_macro"] == pytest.approx(sk.fbeta_score(labels, given, beta=2, **macro))
    assert figures["precision_macro"] == pytest.approx(sk.precision_score(labels, given, **macro))
    malignant, risk = np.isin(labels, [0, 1, 4]), probabilities[:, [0, 1, 4]].sum(1)
    assert figures["auc_malignant"] == pytest.approx(sk.roc_auc_score(malignant, risk))
    precision = sk.average_precision_score(malignant, risk)
    assert figures["average_precision_malignant"] == pytest.approx(precision)
    distance = ((probabilities - np.eye(7)[labels]) ** 2).sum(1).mean()
    assert figures["brier"] == pytest.approx(distance)


@pytest.mark.parametrize(
    "classes",
    [("benign", "malignant"), ("bcc", "bkl", "nv"), (*CLASSES, "scc")],
)
def test_models_of_other_classes_are_measured_too(classes):
    rng = np.random.default_rng(0)
    labels, given = rng.integers(0, len(classes), 90), rng.dirichlet(np.ones(len(classes)), 90)
    figures = metrics.overall_figures(labels, given, classes, np.ones(90))
    assert ("auc_melanoma" in figures) == ("mel" in classes)
    assert all(np.isfinite(value) for value in figures.values())


def test_class_figures_are_scikit_learns(answers):
    labels, probabilities = answers
    given = probabilities.argmax(1)
    each = metrics.class_figures(metrics.confusion(labels, given, 7, np.ones(400)))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, given)
    assert each["precision"] == pytest.approx(precision)
    assert each["recall"] == pytest.approx(recall)
    assert each["f1"] == pytest.approx(f1)
    specificity = [sk.recall_score(labels != k, given != k) for k in range(7)]
    assert each["specificity"] == pytest.approx(specificity)


def test_weights_are_repeats():
    rng = np.random.default_rng(1)
    positive, scores = rng.random(50) < 0.4, rng.integers(0, 8, 50).astype(float)
    copies = rng.integers(0, 4, 50)
    expected = sk.roc_auc_score(np.repeat(positive, copies), np.repeat(scores, copies))
    assert metrics.roc_auc(positive, scores, copies.astype(float)) == pytest.approx(expected)


def test_calibration_error_is_the_gap():
    confidence, correct = np.full(100, 0.9), np.arange(100) < 60
    error = metrics.expected_calibration_error(confidence, correct, np.ones(100))
    assert error == pytest.approx(0.3)


def test_intervals_hold_the_value_and_widen_with_lesions():
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(40) < 0.7, 10)  # ten images of a lesion are all right or all wrong

    def share(weights):
        return {"share": float((right * weights).sum() / weights.sum())}

    by_lesion = metrics.bootstrap(share, [str(i // 10) for i in range(400)])["share"]
    by_image = metrics.bootstrap(share, [str(i) for i in range(400)])["share"]
    assert by_lesion["low"] < by_lesion["value"] < by_lesion["high"]
    width, naive = (e["high"] - e["low"] for e in (by_lesion, by_image))
    assert width > 2 * naive


def test_what_is_not_defined_is_none(answers):
    labels, probabilities = answers
    entry = metrics.by_class(np.zeros_like(labels), probabilities, CLASSES, labels.astype(str))
    assert entry["mel"]["recall"] == {"value": None, "low": None, "high": None}


def test_temperature_finds_what_was_done(answers):
    labels, probabilities = answers
    own, lead, loss = calibration.fit_lead(np.log(probabilities), labels, 5)
    harder, same, again = calibration.fit_lead(3 * np.log(probabilities), labels, 5)
    assert harder == pytest.approx(3 * own, rel=1e-3)
    assert (same, again) == pytest.approx((lead, loss), abs=1e-3)


def test_thresholds_keep_their_promise(answers):
    labels, probabilities = answers
    chosen = calibration.choose_thresholds(
        probabilities, labels, CLASSES, [str(i) for i in range(400)]
    )
    figures = metrics.threshold_figures(labels, probabilities, CLASSES, chosen, np.ones(400))
    assert figures["malignant_sensitivity_at_medium"] >= 0.9
    assert figures["malignant_specificity_at_high"] >= 0.95
    assert figures["prediction_set_coverage"] >= 0.9
    assert chosen["malignancy_medium"] <= chosen["malignancy_high"]


def test_the_conformal_threshold_counts_as_the_theorem_does():
    scores = np.arange(1, 100) / 100  # n = 99: the 10th smallest of n + 1
    assert calibration.conformal_threshold(scores, 0.9) == pytest.approx(0.10)
    assert calibration.conformal_threshold(scores[:5], 0.9) == 0.0
