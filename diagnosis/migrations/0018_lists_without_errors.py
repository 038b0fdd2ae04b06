# the statements are made of names that stand here and in 0015
# ruff: noqa: S608
from importlib import import_module

from django.db import migrations, models
from django.db.models import Q

from clinic.triggers import run_after, stop

before = import_module("diagnosis.migrations.0015_follow_up_is_kept_true")
marks = import_module("clinic.migrations.0012_entered_in_error")
REQUESTS = before.REQUESTS
STANDING = Q(entered_in_error_at__isnull=True)

# A recall is closed by pictures and reviews that stand. Of the review {review}, its day if it is
# not closed
OPEN_RECALL = (
    "(SELECT r.recall_on FROM diagnosis_review r WHERE r.id = {review} "
    "AND NOT EXISTS (SELECT 1 FROM clinic_image p WHERE p.lesion_id = {lesion} "
    "AND p.entered_in_error_at IS NULL AND p.created_at > r.signed_at) "
    "AND NOT EXISTS (SELECT 1 FROM clinic_image p "
    f"JOIN {REQUESTS} q ON q.image_id = p.id JOIN diagnosis_review l ON l.request_id = q.id "
    "WHERE p.lesion_id = {lesion} AND p.entered_in_error_at IS NULL "
    "AND l.signed_at > r.signed_at))"
)
# most reviews recall nobody, and leave the row as it is
RECALLS = (
    "(recall_on IS NOT NULL OR EXISTS (SELECT 1 FROM diagnosis_review r "
    "WHERE r.id = {review} AND r.recall_on IS NOT NULL))"
)
SIGNED = "NEW.signed_review_id"
SET_RECALL = (
    f"UPDATE {REQUESTS} SET recall_on = {OPEN_RECALL.format(review=SIGNED, lesion=before.LESION)} "
    f"WHERE id = NEW.id AND {RECALLS.format(review=SIGNED)}"
)
CLOSE_RECALLS = before.CLOSE_RECALLS.format(lesion=before.LESION, moment=before.SIGNED_AT)

# An image takes its readings along. What has not begun is not read any more
TELL_REQUESTS = (
    f"UPDATE {REQUESTS} SET entered_in_error_at = NEW.entered_in_error_at WHERE image_id = NEW.id"
)
CANCEL = (
    f"UPDATE {REQUESTS} SET status = 'cancelled', finished_at = NEW.entered_in_error_at "
    "WHERE image_id = NEW.id AND status = 'queued' AND NEW.entered_in_error_at IS NOT NULL"
)
OWN = f"{REQUESTS}.signed_review_id"
COUNTED = (
    f"CASE WHEN {REQUESTS}.entered_in_error_at IS NULL "
    f"THEN {OPEN_RECALL.format(review=OWN, lesion='NEW.lesion_id')} END"
)
# which of the lesion's recalls are open is found anew
FIND_RECALLS = (
    f"UPDATE {REQUESTS} SET recall_on = {COUNTED} "
    f"WHERE {before.OF_LESION.format(lesion='NEW.lesion_id')} AND {RECALLS.format(review=OWN)}"
)
CHANGED = (
    "((NEW.entered_in_error_at IS NULL) <> (OLD.entered_in_error_at IS NULL) "
    "OR NEW.entered_in_error_at <> OLD.entered_in_error_at)"
)


def recalls(statement: str):
    return run_after(
        "request_recalls_its_lesion",
        REQUESTS,
        "UPDATE",
        when=before.OTHER_REVIEW,
        statement=statement,
    )


def index(name: str, *fields: str, condition: Q = STANDING, include: tuple[str, ...] = ()):
    return models.Index(fields=fields, condition=condition, include=include, name=name)


NEWEST_FIRST = ("hospital", "-created_at", "id")
INDEXES = [
    index(
        "request_by_hospital",
        *NEWEST_FIRST,
        include=(
            "status",
            "label",
            "risk",
            "conclusion",
            "reviewed_at",
            "finished_at",
            "model_version",
            "malignancy",
            "requested_by",
            "finding",
        ),
    ),
    index(
        "request_worklist",
        "hospital",
        "-malignancy",
        "-severity",
        "created_at",
        "id",
        condition=Q(conclusion="") & ~Q(status="cancelled") & STANDING,
        include=("status", "risk", "finished_at", "label", "requested_by"),
    ),
    index("request_by_malignancy", "hospital", "-malignancy", "id"),
    index(
        "request_confirmed",
        *NEWEST_FIRST,
        condition=Q(finding__isnull=False) & STANDING,
        include=("status", "label", "conclusion", "finding", "model_version", "image"),
    ),
    index(
        "request_by_label",
        "hospital",
        "label",
        "-created_at",
        "id",
        include=("status", "conclusion", "risk", "requested_by"),
    ),
    index("request_cancelled", *NEWEST_FIRST, condition=Q(status="cancelled") & STANDING),
]


class Migration(migrations.Migration):
    dependencies = [
        ("clinic", "0012_entered_in_error"),
        ("diagnosis", "0017_classes_and_findings_have_an_index"),
    ]

    operations = [
        *(migrations.RemoveIndex("diagnosisrequest", made.name) for made in INDEXES),
        migrations.AddField(
            "diagnosisrequest",
            "entered_in_error_at",
            models.DateTimeField(editable=False, null=True),
        ),
        *(migrations.AddIndex("diagnosisrequest", made) for made in INDEXES),
        migrations.AddIndex(
            "diagnosisrequest",
            index("request_entered_in_error", *NEWEST_FIRST, condition=~STANDING),
        ),
        stop(recalls(f"{CLOSE_RECALLS}; {before.SET_RECALL}")),
        recalls(f"{CLOSE_RECALLS}; {SET_RECALL}"),
        run_after(
            "image_is_entered_in_error",
            "clinic_image",
            "UPDATE",
            when=CHANGED,
            statement=f"{TELL_REQUESTS}; {CANCEL}; {FIND_RECALLS}",
        ),
        # last, so that the way back begins with it
        marks.refuse_the_way_back("diagnosis", "diagnosisrequest"),
    ]
