"""Every named constraint and trigger of diagnosis refuses what it names, and no more."""

import uuid
from collections.abc import Callable

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from diagnosis.models import (
    DiagnosisRequest,
    Histopathology,
    HospitalSettings,
    ModelPolicy,
    Prediction,
    Review,
)
from tests.constraints import Rule, broken, cases, rules_of
from tests.diagnosis.rules_of_follow_up import FOLLOWING, RULES_OF_FOLLOW_UP
from tests.diagnosis.rules_of_workers import RULES_OF_WORKERS
from tests.factories import (
    BatchFactory,
    BatchFileFactory,
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    HospitalSettingsFactory,
    ModelPolicyFactory,
    ModelVersionFactory,
    PredictionFactory,
    ReviewFactory,
)

pytestmark = pytest.mark.django_db


def same_model(**other: str) -> object:
    first = ModelVersionFactory()
    return ModelVersionFactory(**{"name": first.name, "version": first.version} | other)


def ask(**fields: object) -> DiagnosisRequest:
    return DiagnosisRequestFactory(**fields)


def ask_again(*, first: dict | None = None, **other: object) -> DiagnosisRequest:
    before = ask(**first or {})
    fields = {"image": before.image, "model_version": before.model_version}
    return ask(**fields | other)


def same_file(*fields: str, **other: object) -> object:
    """Two files of one batch that are alike in these fields."""
    first = BatchFileFactory()
    alike = {name: getattr(first, name) for name in fields}
    return BatchFileFactory(batch=first.batch, **alike | other)


def two_reviews(first: dict, second: dict) -> Review:
    return ReviewFactory(request=ReviewFactory(**first).request, **second)


def amendment() -> Review:
    before = ReviewFactory(signed=True)
    return ReviewFactory(request=before.request, signed=True, amends=before)


def change_prediction() -> int:
    return Prediction.objects.filter(pk=PredictionFactory().pk).update(label="melanoma")


def change_review(**review: object) -> int:
    return Review.objects.filter(pk=ReviewFactory(**review).pk).update(conclusion="melanoma")


def predicted(**probabilities: float | None) -> Prediction:
    return PredictionFactory(probabilities=probabilities, malignancy_probability=0.5)


def change_request(**fields: object) -> int:
    return DiagnosisRequest.objects.filter(pk=ask(succeeded=True).pk).update(**fields)


def change_signed(**fields: object) -> int:
    review = ReviewFactory(signed=True)
    return DiagnosisRequest.objects.filter(pk=review.request_id).update(**fields)


def point_to(review: Review, request: DiagnosisRequest | None = None) -> int:
    """Let the request of the review, or another one, say that this review counts."""
    rows = DiagnosisRequest.objects.filter(pk=request.pk if request else review.request_id)
    return rows.update(
        signed_review=review, conclusion=review.conclusion, reviewed_at=timezone.now()
    )


def bands(monitor: object, dermatologist: object, urgent: object) -> HospitalSettings:
    return HospitalSettingsFactory(
        monitor_from=monitor, dermatologist_from=dermatologist, urgent_from=urgent
    )


def settings_rows() -> QuerySet[HospitalSettings]:
    return HospitalSettings.objects.filter(pk=HospitalSettingsFactory().pk)


def change_finding() -> int:
    finding = HistopathologyFactory()
    return Histopathology.objects.filter(pk=finding.pk).update(diagnosis="nevus")


def correct_finding() -> Histopathology:
    return HistopathologyFactory(lesion=HistopathologyFactory().lesion, diagnosis="nevus")


RULES = {
    "model_version_is_unique": Rule(
        {"same": same_model},
        {
            "other version": lambda: same_model(version="other"),
            "other name": lambda: same_model(name="other"),
        },
    ),
    "prediction_probabilities_are_probabilities": Rule(
        {
            "probability above": lambda: PredictionFactory(
                probabilities={"nevus": 1.0}, probability=1.0001, malignancy_probability=0
            ),
            "probability below": lambda: PredictionFactory(
                probabilities={"nevus": 1.0}, probability=-0.0001, malignancy_probability=0
            ),
            "malignancy above": lambda: PredictionFactory(malignancy_probability=1.0001),
            "malignancy below": lambda: PredictionFactory(malignancy_probability=-0.0001),
        },
        {
            "one": lambda: PredictionFactory(probability=1.0, malignancy_probability=1.0),
            "zero": lambda: PredictionFactory(malignancy_probability=0.0),
        },
    ),
    "prediction_has_label": Rule(
        {"empty": lambda: PredictionFactory(label="", probabilities={"nevus": 1.0})},
        {"named": lambda: PredictionFactory(label="melanoma")},
    ),
    "prediction_probabilities_sum_to_one": Rule(
        {
            "less": lambda: predicted(nevus=0.5, melanoma=0.49999),
            "more": lambda: predicted(nevus=0.5, melanoma=0.50001),
            "none": lambda: predicted(),
            "negative": lambda: predicted(nevus=1.5, melanoma=-0.5),
            "no number": lambda: predicted(nevus=None),
            "no number beside one": lambda: predicted(nevus=1.0, melanoma=None),
        },
        {
            "one": lambda: predicted(nevus=0.5, melanoma=0.5),
            "rounded": lambda: predicted(nevus=0.5, melanoma=0.4999999),
        },
    ),
    "predictions_are_never_updated": Rule(
        {"update": change_prediction}, {"insert": lambda: PredictionFactory()}
    ),
    "request_status_is_known": Rule(
        {"unknown": lambda: ask(status="paused", started_at=timezone.now())},
        {"known": lambda: ask(running=True)},
    ),
    "request_priority_is_known": Rule(
        {"unknown": lambda: ask(priority=2)}, {"known": lambda: ask(priority=1)}
    ),
    "request_succeeded_has_prediction": Rule(
        {
            "none": lambda: ask(succeeded=True, prediction=None),
            "failed with one": lambda: ask(failed=True, prediction=PredictionFactory()),
            "queued with one": lambda: ask(prediction=PredictionFactory()),
        },
        {"one": lambda: ask(succeeded=True), "failed without": lambda: ask(failed=True)},
    ),
    "request_failed_has_code": Rule(
        {
            "failed without": lambda: ask(failed=True, failure_code=""),
            "rejected without": lambda: ask(rejected=True, failure_code=""),
            "succeeded with": lambda: ask(succeeded=True, failure_code="worker_lost"),
            "queued with": lambda: ask(failure_code="worker_lost"),
        },
        {
            "failed": lambda: ask(failed=True, failure_code="worker_lost"),
            "rejected": lambda: ask(rejected=True),
            "succeeded": lambda: ask(succeeded=True),
        },
    ),
    "request_running_has_lease": Rule(
        {
            "no lease": lambda: ask(running=True, lease=None),
            "no end": lambda: ask(running=True, lease_expires_at=None),
            "queued with lease": lambda: ask(lease=uuid.uuid4()),
            "succeeded with end": lambda: ask(succeeded=True, lease_expires_at=timezone.now()),
        },
        {"running": lambda: ask(running=True), "queued": lambda: ask()},
    ),
    "request_started_has_time": Rule(
        {
            "running without": lambda: ask(running=True, started_at=None),
            "succeeded without": lambda: ask(succeeded=True, started_at=None),
            "failed without": lambda: ask(failed=True, started_at=None),
            "queued with": lambda: ask(started_at=timezone.now()),
        },
        {
            "running": lambda: ask(running=True),
            "cancelled without": lambda: ask(cancelled=True),
            "cancelled with": lambda: ask(cancelled=True, started_at=timezone.now()),
        },
    ),
    "request_finished_has_time": Rule(
        {
            "succeeded without": lambda: ask(succeeded=True, finished_at=None),
            "failed without": lambda: ask(failed=True, finished_at=None),
            "rejected without": lambda: ask(rejected=True, finished_at=None),
            "cancelled without": lambda: ask(cancelled=True, finished_at=None),
            "queued with": lambda: ask(finished_at=timezone.now()),
            "running with": lambda: ask(running=True, finished_at=timezone.now()),
        },
        {"cancelled": lambda: ask(cancelled=True), "running": lambda: ask(running=True)},
    ),
    "batch_image_type_is_known": Rule(
        {"unknown": lambda: BatchFactory(image_type="x-ray")},
        {"overview": lambda: BatchFactory(image_type="clinical: overview")},
    ),
    "batch_file_key_is_unique_in_batch": Rule(
        {"again": lambda: same_file("key"), "refused": lambda: same_file("key", refused=True)},
        {"elsewhere": lambda: BatchFileFactory(key=BatchFileFactory().key)},
    ),
    "batch_file_picture_is_unique_in_batch": Rule(
        {"another key": lambda: same_file("digest")},
        {
            "refused": lambda: same_file("digest", refused=True),
            "elsewhere": lambda: BatchFileFactory(digest=BatchFileFactory().digest),
        },
    ),
    "batch_file_without_image_has_error": Rule(
        {
            "neither": lambda: BatchFileFactory(image=None),
            "both": lambda: BatchFileFactory(error_code="not_an_image"),
        },
        {"refused": lambda: BatchFileFactory(refused=True)},
    ),
    "request_open_is_unique_per_image_and_model": Rule(
        {
            "two queued": ask_again,
            "one runs": lambda: ask_again(first={"running": True}),
            "two run": lambda: ask_again(first={"running": True}, running=True),
        },
        {
            "other model": lambda: ask_again(model_version=ModelVersionFactory()),
            "first done": lambda: ask_again(first={"succeeded": True}),
            "first failed": lambda: ask_again(first={"failed": True}),
            "first cancelled": lambda: ask_again(first={"cancelled": True}),
        },
    ),
    "review_signed_has_signer_and_time": Rule(
        {
            "no time": lambda: ReviewFactory(signed=True, signed_at=None),
            "no signer": lambda: ReviewFactory(signed=True, signed_by=None),
        },
        {"signed": lambda: ReviewFactory(signed=True), "draft": lambda: ReviewFactory()},
    ),
    "review_conclusion_is_known": Rule(
        {
            "code": lambda: ReviewFactory(conclusion="mel"),
            "empty": lambda: ReviewFactory(conclusion=""),
        },
        {"label": lambda: ReviewFactory(conclusion="squamous_cell_carcinoma")},
    ),
    "review_management_is_known": Rule(
        {"unknown": lambda: ReviewFactory(management="wait")},
        {"known": lambda: ReviewFactory(management="excise")},
    ),
    "review_draft_is_unique": Rule(
        {"two drafts": lambda: two_reviews({}, {})},
        {"draft after signed": lambda: two_reviews({"signed": True}, {})},
    ),
    "review_signed_first_is_unique": Rule(
        {"two signed": lambda: two_reviews({"signed": True}, {"signed": True})},
        {"amendment": amendment},
    ),
    "signed_reviews_are_never_updated": Rule(
        {"signed": lambda: change_review(signed=True)}, {"draft": change_review}
    ),
    "histopathology_diagnosis_is_known": Rule(
        {"unknown": lambda: HistopathologyFactory(diagnosis="mole")},
        {"known": lambda: HistopathologyFactory(diagnosis="nevus")},
    ),
    "histopathology_has_a_pathologist": Rule(
        {"nobody": lambda: HistopathologyFactory(confirmed_by="")}, {"named": HistopathologyFactory}
    ),
    "histopathology_is_never_updated": Rule(
        {"changed": change_finding}, {"a corrected one": correct_finding}
    ),
    "request_severity_is_the_class_s": Rule(
        {
            "too mild": lambda: ask(succeeded=True, prediction__label="melanoma", severity=1),
            "without class": lambda: ask(failed=True, severity=0),
        },
        {"its own": lambda: ask(succeeded=True, prediction__label="melanoma", severity=3)},
    ),
    "request_read_has_risk": Rule(
        {
            "none": lambda: ask(succeeded=True, risk=""),
            "unknown": lambda: ask(succeeded=True, risk="some"),
            "not read": lambda: ask(failed=True, risk="low"),
        },
        {"any": lambda: ask(succeeded=True, risk="high")},
    ),
    "request_reading_is_the_prediction_s_insert": Rule(
        {
            "other malignancy": lambda: ask(succeeded=True, malignancy=0.0),
            "other class": lambda: ask(succeeded=True, label="dermatofibroma", severity=0),
            "malignancy without": lambda: ask(failed=True, malignancy=0.5),
        },
        {"the same": lambda: ask(succeeded=True), "none": lambda: ask(failed=True)},
    ),
    "request_reading_is_the_prediction_s_update": Rule(
        {
            "other malignancy": lambda: change_request(malignancy=0.0),
            "other class": lambda: change_request(label="melanoma", severity=3),
        },
        {"something else": lambda: change_request(priority=1)},
    ),
    "request_begins_without_review": Rule(
        {
            "conclusion": lambda: ask(succeeded=True, conclusion="nevus"),
            "time": lambda: ask(succeeded=True, reviewed_at=timezone.now()),
        },
        {"without": lambda: ask(succeeded=True)},
    ),
    "request_conclusion_is_the_review_s": Rule(
        {
            "unsigned": lambda: change_request(conclusion="nevus"),
            "taken away": lambda: change_signed(
                signed_review=None, conclusion="", reviewed_at=None
            ),
            "another": lambda: change_signed(conclusion="melanoma"),
            "without time": lambda: change_signed(reviewed_at=None),
            "a draft": lambda: point_to(ReviewFactory()),
            "another request's": lambda: point_to(ReviewFactory(signed=True), request=ask()),
            "amended": lambda: point_to(amendment().amends),
        },
        {"the same": lambda: change_signed(conclusion="nevus"), "amended": amendment},
    ),
    "settings_alarm_is_within_four_weeks": Rule(
        {
            "at once": lambda: HospitalSettingsFactory(alarm_hours=0),
            "never": lambda: HospitalSettingsFactory(alarm_hours=673),
        },
        {
            "an hour": lambda: HospitalSettingsFactory(alarm_hours=1),
            "longest": lambda: HospitalSettingsFactory(alarm_hours=672),
        },
    ),
    "settings_bands_rise_or_are_absent": Rule(
        {
            "one": lambda: HospitalSettingsFactory(urgent_from=0.5),
            "two": lambda: bands(0.1, 0.2, None),
            "fall": lambda: bands(0.3, 0.2, 0.5),
            "above": lambda: bands(0.1, 0.2, 1.1),
            "below": lambda: bands(-0.1, 0.2, 0.5),
            "no middle": lambda: bands(0.1, 0.5, 0.5),
        },
        {"none": HospitalSettingsFactory, "rising": lambda: bands(0.0, 0.2, 1.0)},
    ),
    "settings_are_never_updated": Rule(
        {"update": lambda: settings_rows().update(alarm_hours=2)}, {"new": HospitalSettingsFactory}
    ),
    "settings_are_never_deleted": Rule(
        {"delete": lambda: settings_rows().delete()}, {"new": HospitalSettingsFactory}
    ),
}
RULES |= RULES_OF_WORKERS | RULES_OF_FOLLOW_UP
# triggers that write instead of refusing
WRITING = {"review_signs_its_request_insert", "review_signs_its_request_update"} | FOLLOWING


def test_every_rule_has_a_case() -> None:
    assert set(RULES) | WRITING == rules_of("diagnosis")


def test_a_signature_is_noted_on_the_request() -> None:
    first = ReviewFactory(signed=True, conclusion="nevus")
    row = first.request
    row.refresh_from_db()
    assert (row.signed_review, row.conclusion, row.reviewed_at) == (first, "nevus", first.signed_at)

    draft = ReviewFactory(request=row, conclusion="melanoma")
    row.refresh_from_db()
    assert row.conclusion == "nevus"

    # the draft is signed as an amendment; the time of the first signature stays
    draft.signed_by, draft.signed_at, draft.amends = draft.author, timezone.now(), first
    draft.save()
    row.refresh_from_db()
    assert (row.signed_review, row.conclusion, row.reviewed_at) == (
        draft,
        "melanoma",
        first.signed_at,
    )


@pytest.mark.parametrize(("name", "write"), cases(RULES, "bad"))
def test_what_breaks_it_is_refused(name: str, write: Callable) -> None:
    with broken(name):
        write()


@pytest.mark.parametrize(("name", "write"), cases(RULES, "good"))
def test_the_nearest_valid_row_is_kept(name: str, write: Callable) -> None:
    assert write()


def test_a_hospital_has_one_active_model() -> None:
    hospital = HospitalFactory()
    ModelPolicyFactory(hospital=hospital)
    with broken("diagnosis_modelpolicy"):
        ModelPolicy(hospital=hospital, model_version=ModelVersionFactory()).save(force_insert=True)
