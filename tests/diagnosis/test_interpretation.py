"""From probabilities to what a doctor reads."""

import pytest

from diagnosis.failures import FAILURE_MESSAGES, failure_message
from diagnosis.interpretation import (
    ACTION_WORDS,
    DOUBTS,
    GROUP_NAMES,
    LABEL_NAMES,
    WARNING_MESSAGES,
    Action,
    Risk,
    Warning,
    interpret,
    label_name,
    rank,
    recommendation,
    warnings_for,
)
from ml.taxonomy import BY_ANSWER, BY_LABEL, malignancy_probability

THRESHOLDS = {"malignancy_medium": 0.3, "malignancy_high": 0.6, "prediction_set": 0.1}


def read(thresholds: dict | None = None, **probabilities: float):
    malignancy = malignancy_probability(probabilities)
    return interpret(probabilities, malignancy, THRESHOLDS | (thresholds or {}))


def test_a_clear_nevus() -> None:
    found = read(nevus=0.95, melanoma=0.05)
    assert (found.risk, found.prediction_set, found.uncertain) == (Risk.LOW, ["nevus"], False)
    assert "benign" in found.recommendation
    assert [(entry.label, entry.malignant) for entry in found.ranked] == [
        ("nevus", False),
        ("melanoma", True),
    ]


@pytest.mark.parametrize(
    ("melanoma", "risk"),
    [
        (0.0, Risk.LOW),
        (0.2999, Risk.LOW),
        (0.3, Risk.MEDIUM),
        (0.5999, Risk.MEDIUM),
        (0.6, Risk.HIGH),
        (1.0, Risk.HIGH),
    ],
)
def test_the_bands_of_risk_begin_at_their_thresholds(melanoma: float, risk: Risk) -> None:
    assert read(melanoma=melanoma, nevus=1 - melanoma).risk is risk


def test_malignant_classes_count_together() -> None:
    parts = {"melanoma": 0.15, "basal_cell_carcinoma": 0.25, "actinic_keratosis": 0.22}
    assert read(**parts, nevus=0.38).risk is Risk.HIGH


def test_a_malignant_class_in_front_is_never_low() -> None:
    """Of many classes the likeliest may be malignant while their sum stays under the threshold."""
    found = read(melanoma=0.28, nevus=0.27, vascular_lesion=0.25, dermatofibroma=0.2)
    assert found.ranked[0].label == "melanoma"
    assert found.risk is Risk.MEDIUM


def test_the_prediction_set_holds_all_that_is_likely_enough() -> None:
    found = read(nevus=0.6, melanoma=0.1, dermatofibroma=0.3)
    assert found.prediction_set == ["nevus", "dermatofibroma", "melanoma"]
    assert found.uncertain
    assert "Uncertain" in found.recommendation


def test_where_nothing_is_likely_enough_the_first_stands_and_is_uncertain() -> None:
    found = read({"prediction_set": 0.9}, nevus=0.8, dermatofibroma=0.2)
    assert (found.prediction_set, found.uncertain) == (["nevus"], True)


def test_of_equals_the_more_severe_comes_first() -> None:
    found = rank(
        {"nevus": 0.25, "dermatofibroma": 0.25, "melanoma": 0.25, "actinic_keratosis": 0.25}
    )
    assert [entry.label for entry in found] == [
        *("melanoma", "actinic_keratosis"),
        *("nevus", "dermatofibroma"),
    ]


def test_every_risk_has_a_recommendation_of_its_own() -> None:
    texts = {recommendation(risk, uncertain=unsure) for risk in Risk for unsure in (True, False)}
    # uncertainty changes only what is said where the risk is low
    assert len(texts) == 4


@pytest.mark.parametrize("code", sorted(DOUBTS))
def test_nothing_is_called_benign_that_the_model_does_not_know(code: str) -> None:
    doubt = [Warning(code, str(WARNING_MESSAGES[code]))]
    benign = {"nevus": 0.97, "melanoma": 0.03}
    bands = THRESHOLDS | {"malignancy_monitor": 0.1, "words": {Action.NONE: "Send home."}}
    assert interpret(benign, 0.03, bands).recommendation == "Send home."
    found = interpret(benign, 0.03, bands, doubt)
    assert found.doubtful
    assert found.recommendation.startswith("Do not rely on this reading.")
    assert "dermatologist" in found.recommendation
    suspicious = interpret({"nevus": 0.1, "melanoma": 0.9}, 0.9, bands, doubt)
    assert suspicious.recommendation == str(ACTION_WORDS[Action.URGENT])


def test_a_picture_that_could_be_better_raises_no_doubt() -> None:
    hairy = [Warning("hairy", str(WARNING_MESSAGES["hairy"]))]
    found = interpret({"nevus": 0.97, "melanoma": 0.03}, 0.03, THRESHOLDS, hairy)
    assert not found.doubtful
    assert "benign" in found.recommendation


def test_every_class_has_a_name() -> None:
    assert set(LABEL_NAMES) == set(BY_LABEL)
    assert set(LABEL_NAMES | GROUP_NAMES) == set(BY_ANSWER)
    assert label_name("nevus") == "Nevus"


def test_warnings_are_about_picture_and_model() -> None:
    def codes(warnings: list, image_type: str = "dermoscopic", metrics: dict | None = None):
        manifest = {"metrics": {"accuracy": 0.7} if metrics is None else metrics}
        found = warnings_for(
            quality={"warnings": warnings}, image_type=image_type, manifest=manifest
        )
        assert all(entry.message == str(WARNING_MESSAGES[entry.code]) for entry in found)
        return [entry.code for entry in found]

    assert codes([]) == []
    assert codes(["blurred", "too_dark"]) == ["blurred", "too_dark"]
    assert codes([], image_type="clinical: overview") == ["not_dermoscopic"]
    assert codes([], metrics={}) == ["untrained"]
    assert codes(["of a later version"]) == []
    assert warnings_for(quality={}, image_type="dermoscopic", manifest={})[0].code == "untrained"


def test_what_the_model_is_not_meant_for_is_said() -> None:
    manifest = {
        "metrics": {"accuracy": 0.7},
        "intended_range": {"age_from": 18, "sites_outside": ["palms/soles"]},
    }

    def codes(**facts: object) -> list[str]:
        found = warnings_for(quality={}, image_type="dermoscopic", manifest=manifest, **facts)
        return [entry.code for entry in found]

    assert codes(age=17, site="palms/soles") == ["age_outside", "site_outside"]
    assert codes(age=18, site="anterior torso") == codes(age=None, site=None) == []


def test_a_lesion_that_is_cut_off_is_told_by_a_model_that_can() -> None:
    def codes(share: float | None, limit: dict[str, float]) -> list[str]:
        manifest = {"metrics": {"accuracy": 0.7}, "outline": limit}
        found = warnings_for(
            quality={}, image_type="dermoscopic", manifest=manifest, edge_share=share
        )
        return [entry.code for entry in found]

    assert codes(0.4, {"cut_off": 0.3}) == ["cut_off"]
    assert codes(0.3, {"cut_off": 0.3}) == codes(None, {"cut_off": 0.3}) == codes(1.0, {}) == []


def test_every_failure_has_a_sentence() -> None:
    for code in FAILURE_MESSAGES:
        assert failure_message(code).endswith(".")
    assert failure_message("of a later version") == failure_message("prediction_error")
