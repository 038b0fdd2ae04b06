"""Every named constraint and trigger of clinic refuses what it names, and no more."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from clinic.models import (
    AuditChain,
    AuditEvent,
    Hospital,
    IdempotencyKey,
    Image,
    Invitation,
    Lesion,
    Membership,
    Patient,
)
from clinic.services.audit import record_event
from clinic.vocabulary import AnatomSite, BodyView, DermoscopicType, ImageType, SkinType
from tests.constraints import Rule, broken, cases, rules_of
from tests.factories import (
    BatchFactory,
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    InvitationFactory,
    LesionFactory,
    MembershipFactory,
    PatientFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def same_name() -> Hospital:
    return HospitalFactory(name=HospitalFactory(name="North").name)


def same_role(**other: object) -> Membership:
    first = MembershipFactory()
    fields = {"user": first.user, "hospital": first.hospital, "role": first.role}
    return MembershipFactory(**fields | other)


def same_number(**other: object) -> object:
    first = PatientFactory()
    fields = {"hospital": first.hospital, "medical_record_number": first.medical_record_number}
    return PatientFactory(**fields | other)


def same_picture(*, lesion: bool) -> object:
    first = ImageFactory()
    return ImageFactory(
        lesion=first.lesion if lesion else LesionFactory(patient=first.lesion.patient),
        sha256=first.sha256,
    )


def made(factory: Any, **fields: object) -> object:
    return factory(**fields)


def changed(factory: Any, *, in_error: bool, **fields: object) -> int:
    assert in_error
    values = {
        "entered_in_error_at": timezone.now(),
        "entered_in_error_by": UserFactory(),
        "entered_in_error_reason": "test",
    }
    return factory._meta.model.objects.filter(pk=factory().pk).update(**values | fields)


def event(sequence: int) -> AuditEvent:
    chain, _made = AuditChain.objects.get_or_create(key="platform")
    at = "2026-01-01T00:00:00Z"
    return AuditEvent.objects.create(chain=chain, sequence=sequence, at=at, action="x", hash="x")


def two_events(first: int, second: int) -> AuditEvent:
    event(first)
    return event(second)


def change_event() -> int:
    written = record_event(actor=None, action="create_user", hospital=None)
    return AuditEvent.objects.filter(pk=written.pk).update(action="view_patient")


def delete_event() -> tuple:
    written = record_event(actor=None, action="create_user", hospital=None)
    return AuditEvent.objects.filter(pk=written.pk).delete()


def key(**fields: object) -> IdempotencyKey:
    now = timezone.now()
    facts = {"key": "a", "digest": "0" * 64, "claimed_at": now, "expires_at": now}
    return IdempotencyKey.objects.create(**{"user": UserFactory()} | facts | fields)


def same_key(**other: object) -> IdempotencyKey:
    return key(**{"user": key().user} | other)


def place(view: str | None, x: float | None, y: float | None) -> object:
    return LesionFactory(body_view=view, body_x=x, body_y=y)


def accepted(**fields: Any) -> Invitation:
    return InvitationFactory(accepted_at=timezone.now(), accepted_by=UserFactory(), **fields)


def change_lesion(**fields: object) -> int:
    return Lesion.objects.filter(pk=LesionFactory().pk).update(**fields)


def change_image(**fields: object) -> int:
    return Image.objects.filter(pk=ImageFactory().pk).update(**fields)


def another_patient() -> int:
    patient = PatientFactory()
    return change_lesion(patient=patient, hospital=patient.hospital)


def another_lesion() -> int:
    lesion = LesionFactory()
    return change_image(lesion=lesion, hospital=lesion.hospital)


RULES = {
    "hospital_name_is_unique": Rule(
        {"same": same_name}, {"other": lambda: HospitalFactory(name="South")}
    ),
    "membership_is_unique": Rule(
        {"same": same_role},
        {
            "other role": lambda: same_role(role="administrator"),
            "other hospital": lambda: same_role(hospital=HospitalFactory()),
        },
    ),
    "membership_role_is_known": Rule(
        {"unknown": lambda: MembershipFactory(role="nurse")},
        {"known": lambda: MembershipFactory(role="integration")},
    ),
    "patient_mrn_is_unique_in_hospital": Rule(
        {
            "same": same_number,
            "other capitals": lambda: PatientFactory(
                medical_record_number="n-1ä",
                hospital=PatientFactory(medical_record_number="N-1ä").hospital,
            ),
        },
        {
            "other hospital": lambda: same_number(hospital=HospitalFactory()),
            "other number": lambda: same_number(medical_record_number="other"),
            "entered in error": lambda: same_number(in_error=True),
        },
    ),
    **{
        f"{factory._meta.model._meta.model_name}_in_error_is_whole_{event}": Rule(
            {
                name: partial(write, factory, in_error=True, **{column: None})
                for name, column in (
                    ("no time", "entered_in_error_at"),
                    ("nobody", "entered_in_error_by"),
                    ("no reason", "entered_in_error_reason"),
                )
            },
            {"whole": partial(write, factory, in_error=True)},
        )
        for factory in (PatientFactory, LesionFactory, ImageFactory)
        for event, write in (("insert", made), ("update", changed))
    },
    "patient_has_mrn": Rule(
        {"empty": lambda: PatientFactory(medical_record_number="")},
        {"shortest": lambda: PatientFactory(medical_record_number="0")},
    ),
    "patient_sex_is_known": Rule(
        {"unknown": lambda: PatientFactory(sex="f"), "empty": lambda: PatientFactory(sex="")},
        {"known": lambda: PatientFactory(sex="unknown")},
    ),
    "patient_skin_type_is_known": Rule(
        {"unknown": lambda: PatientFactory(skin_type="VII")},
        {
            "none": lambda: PatientFactory(skin_type=None),
            "known": lambda: PatientFactory(skin_type=SkinType.VI),
        },
    ),
    "lesion_anatom_site_is_known": Rule(
        {"unknown": lambda: LesionFactory(anatom_site="wing")},
        {
            "none": lambda: LesionFactory(anatom_site=None),
            "known": lambda: LesionFactory(anatom_site=AnatomSite.PALMS_SOLES),
        },
    ),
    "lesion_laterality_is_known": Rule(
        {"unknown": lambda: LesionFactory(laterality="both")},
        {"known": lambda: LesionFactory(laterality="midline")},
    ),
    "lesion_body_map_is_whole_or_absent": Rule(
        {
            "no view": lambda: place(None, 0.5, 0.5),
            "no x": lambda: place("front", None, 0.5),
            "no y": lambda: place("front", 0.5, None),
            "view alone": lambda: place("front", None, None),
            "x alone": lambda: place(None, 0.5, None),
            "unknown view": lambda: place("side", 0.5, 0.5),
            "left of it": lambda: place("front", -0.001, 0.5),
            "below it": lambda: place("front", 0.5, 1.001),
        },
        {
            "absent": lambda: place(None, None, None),
            "corner": lambda: place("front", 0, 0),
            "other corner": lambda: place(BodyView.BACK, 1, 1),
        },
    ),
    "image_diameter_is_positive": Rule(
        {
            "zero": lambda: ImageFactory(diameter_mm=0),
            "less": lambda: ImageFactory(diameter_mm=-1),
        },
        {
            "little": lambda: ImageFactory(diameter_mm="0.01"),
            "unknown": lambda: ImageFactory(diameter_mm=None),
        },
    ),
    "lesion_diameter_is_positive": Rule(
        {
            "zero": lambda: LesionFactory(diameter_mm=0),
            "less": lambda: LesionFactory(diameter_mm=-1),
        },
        {
            "little": lambda: LesionFactory(diameter_mm="0.01"),
            "none": lambda: LesionFactory(diameter_mm=None),
        },
    ),
    "image_hash_is_unique_in_lesion": Rule(
        {"same lesion": lambda: same_picture(lesion=True)},
        {"other lesion": lambda: same_picture(lesion=False)},
    ),
    "image_type_is_known": Rule(
        {"unknown": lambda: ImageFactory(image_type="x-ray")},
        {"known": lambda: ImageFactory(image_type=ImageType.OVERVIEW)},
    ),
    "image_dermoscopic_type_fits_image_type": Rule(
        {
            "unknown": lambda: ImageFactory(dermoscopic_type="contact"),
            "close-up": lambda: ImageFactory(
                image_type=ImageType.CLOSE_UP, dermoscopic_type=DermoscopicType.CONTACT_POLARIZED
            ),
        },
        {
            "close-up": lambda: ImageFactory(image_type=ImageType.CLOSE_UP),
            "dermoscopic": lambda: ImageFactory(dermoscopic_type=DermoscopicType.CONTACT_POLARIZED),
        },
    ),
    "idempotency_key_is_unique_per_user": Rule(
        {"same": same_key},
        {
            "other key": lambda: same_key(key="b"),
            "other user": lambda: same_key(user=UserFactory()),
        },
    ),
    "idempotency_key_remembers_successes": Rule(
        {"redirect": lambda: key(status=300), "before": lambda: key(status=199)},
        {
            "ok": lambda: key(status=200),
            "highest": lambda: key(status=299),
            "runs": lambda: key(status=None),
        },
    ),
    "invitation_role_is_known": Rule(
        {"unknown": lambda: InvitationFactory(role="guest")},
        {"known": lambda: InvitationFactory(role="administrator")},
    ),
    "invitation_accepted_has_user_and_time": Rule(
        {
            "no user": lambda: InvitationFactory(accepted_at=timezone.now()),
            "no time": lambda: InvitationFactory(accepted_by=UserFactory()),
        },
        {"both": lambda: accepted(), "open": InvitationFactory},
    ),
    "invitation_is_accepted_or_revoked": Rule(
        {"both": lambda: accepted(revoked_at=timezone.now())},
        {"revoked": lambda: InvitationFactory(revoked_at=timezone.now())},
    ),
    "audit_event_has_one_successor": Rule(
        {"same place": lambda: two_events(1, 1)}, {"next place": lambda: two_events(1, 2)}
    ),
    "audit_events_are_never_updated": Rule(
        {"update": change_event},
        {"insert": lambda: record_event(actor=None, action="create_user", hospital=None)},
    ),
    "audit_events_are_never_deleted": Rule(
        {"delete": delete_event},
        {"insert": lambda: record_event(actor=None, action="create_user", hospital=None)},
    ),
    "lesion_is_at_its_patient_s_hospital_insert": Rule(
        {"another": lambda: LesionFactory(hospital=HospitalFactory())},
        {"the patient's": LesionFactory},
    ),
    "lesion_is_at_its_patient_s_hospital_update": Rule(
        {
            "hospital alone": lambda: change_lesion(hospital=HospitalFactory()),
            "patient alone": lambda: change_lesion(patient=PatientFactory()),
        },
        {"both": another_patient, "neither": lambda: change_lesion(label="left")},
    ),
    "image_is_at_its_lesion_s_hospital_insert": Rule(
        {"another": lambda: ImageFactory(hospital=HospitalFactory())},
        {"the lesion's": ImageFactory},
    ),
    "image_is_at_its_lesion_s_hospital_update": Rule(
        {
            "hospital alone": lambda: change_image(hospital=HospitalFactory()),
            "lesion alone": lambda: change_image(lesion=LesionFactory()),
        },
        {"both": another_lesion, "neither": lambda: change_image(diameter_mm=3)},
    ),
}
# triggers that write instead of refusing; from the third on they write what diagnosis keeps
WRITING = {
    "lesion_goes_with_its_patient",
    "image_goes_with_its_lesion",
    "request_goes_with_its_image",
    "batch_goes_with_its_patient",
    "image_closes_recalls",
    "image_is_entered_in_error",
    "patient_in_error_takes_its_batches",
    "lesion_in_error_takes_its_batches",
}


def test_every_rule_has_a_case() -> None:
    assert set(RULES) | WRITING == rules_of("clinic")


def test_a_patients_records_go_to_the_same_hospital() -> None:
    request, stays = DiagnosisRequestFactory(), DiagnosisRequestFactory()
    lesion = request.image.lesion
    batch = BatchFactory(patient=lesion.patient)
    elsewhere = HospitalFactory()

    Patient.objects.filter(pk=lesion.patient_id).update(hospital=elsewhere)

    for row in (lesion, request.image, request, batch):
        row.refresh_from_db()
        assert row.hospital == elsewhere
    before = stays.hospital
    for row in (stays, stays.image, stays.image.lesion):
        row.refresh_from_db()
        assert row.hospital == before


def test_a_lesion_of_another_patient_takes_its_images_along() -> None:
    """As if two patients were found to be one: the lesion's hospital has to be said with it."""
    request, patient = DiagnosisRequestFactory(), PatientFactory()
    lesions = Lesion.objects.filter(pk=request.image.lesion_id)

    lesions.update(patient=patient, hospital=patient.hospital)

    for row in (request.image, request):
        row.refresh_from_db()
        assert row.hospital == patient.hospital


@pytest.mark.parametrize(("name", "write"), cases(RULES, "bad"))
def test_what_breaks_it_is_refused(name: str, write: Callable) -> None:
    with broken(name):
        write()


@pytest.mark.parametrize(("name", "write"), cases(RULES, "good"))
def test_the_nearest_valid_row_is_kept(name: str, write: Callable) -> None:
    assert write()
