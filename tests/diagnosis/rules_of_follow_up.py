"""The rules of what requests and batches repeat of their hospital, recall and finding, for
tests/diagnosis/test_constraints.py."""

import datetime

from django.utils import timezone

from diagnosis.models import Batch, DiagnosisRequest
from tests.constraints import Rule
from tests.factories import (
    BatchFactory,
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    ImageFactory,
    PatientFactory,
    ReviewFactory,
)

DAY = timezone.localdate() + datetime.timedelta(days=90)


def found() -> DiagnosisRequest:
    """A reading of a lesion that turned out to be a melanoma."""
    row = DiagnosisRequestFactory(succeeded=True)
    HistopathologyFactory(lesion=row.image.lesion, diagnosis="melanoma")
    return row


def recalled() -> DiagnosisRequest:
    return ReviewFactory(signed=True, recall_on=DAY).request


def change(row: DiagnosisRequest, **fields: object) -> int:
    return DiagnosisRequest.objects.filter(pk=row.pk).update(**fields)


def change_batch(**fields: object) -> int:
    return Batch.objects.filter(pk=BatchFactory().pk).update(**fields)


def another_patient() -> int:
    patient = PatientFactory()
    return change_batch(patient=patient, hospital=patient.hospital)


def another_image() -> int:
    image = ImageFactory()
    return change(DiagnosisRequestFactory(), image=image, hospital=image.hospital)


RULES_OF_FOLLOW_UP = {
    "request_is_at_its_image_s_hospital_insert": Rule(
        {"another": lambda: DiagnosisRequestFactory(hospital=HospitalFactory())},
        {"the image's": DiagnosisRequestFactory},
    ),
    "request_is_at_its_image_s_hospital_update": Rule(
        {
            "hospital alone": lambda: change(DiagnosisRequestFactory(), hospital=HospitalFactory()),
            "image alone": lambda: change(DiagnosisRequestFactory(), image=ImageFactory()),
        },
        {"both": another_image, "neither": lambda: change(DiagnosisRequestFactory(), priority=1)},
    ),
    "batch_is_at_its_patient_s_hospital_insert": Rule(
        {"another": lambda: BatchFactory(hospital=HospitalFactory())},
        {"the patient's": BatchFactory},
    ),
    "batch_is_at_its_patient_s_hospital_update": Rule(
        {
            "hospital alone": lambda: change_batch(hospital=HospitalFactory()),
            "patient alone": lambda: change_batch(patient=PatientFactory()),
        },
        {"both": another_patient, "neither": lambda: change_batch(image_type="clinical: overview")},
    ),
    "request_begins_without_follow_up": Rule(
        {
            "recall": lambda: DiagnosisRequestFactory(succeeded=True, recall_on=DAY),
            "finding": lambda: DiagnosisRequestFactory(succeeded=True, finding="nevus"),
        },
        {"neither": lambda: DiagnosisRequestFactory(succeeded=True)},
    ),
    "request_recall_is_the_review_s": Rule(
        {
            "another day": lambda: change(recalled(), recall_on=timezone.localdate()),
            "without a review": lambda: change(DiagnosisRequestFactory(), recall_on=DAY),
        },
        {
            "its day": lambda: change(recalled(), recall_on=DAY),
            "closed": lambda: change(recalled(), recall_on=None),
        },
    ),
    "request_finding_is_the_lesion_s": Rule(
        {
            "another": lambda: change(found(), finding="nevus"),
            "forgotten": lambda: change(found(), finding=None),
            "without one": lambda: change(DiagnosisRequestFactory(), finding="nevus"),
        },
        {"its own": lambda: change(found(), finding="melanoma")},
    ),
}
# triggers that write instead of refusing; those on tables of clinic are in its own tests
FOLLOWING = {
    "request_recalls_its_lesion",
    "request_takes_the_finding_insert",
    "request_takes_the_finding_update",
    "finding_is_told_to_requests",
}
