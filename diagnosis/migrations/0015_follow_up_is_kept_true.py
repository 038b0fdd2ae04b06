# the statements are made of names that stand here
# ruff: noqa: S608
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from clinic.triggers import refuse, refuse_unless, run_after, same_hospital

REQUESTS = "diagnosis_diagnosisrequest"
LESION = "(SELECT i.lesion_id FROM clinic_image i WHERE i.id = NEW.image_id)"

# Recalls: a signed review says when the lesion is to be seen again, instead of earlier ones, unless
# a picture of the lesion or a later review is there already
OF_LESION = "image_id IN (SELECT i.id FROM clinic_image i WHERE i.lesion_id = {lesion})"
SIGNED_BEFORE = (
    f"EXISTS (SELECT 1 FROM diagnosis_review r WHERE r.id = {REQUESTS}.signed_review_id "
    "AND r.signed_at < {moment})"
)
CLOSE_RECALLS = (
    # in these words, so that the open recalls of all hospitals are not gone through
    f"UPDATE {REQUESTS} SET recall_on = NULL WHERE COALESCE(recall_on, '0001-01-01') > '0001-01-01' "
    f"AND {OF_LESION} AND {SIGNED_BEFORE}"
)
SIGNED_AT = "(SELECT n.signed_at FROM diagnosis_review n WHERE n.id = NEW.signed_review_id)"
RECALL = (
    "(SELECT r.recall_on FROM diagnosis_review r WHERE r.id = NEW.signed_review_id "
    f"AND NOT EXISTS (SELECT 1 FROM clinic_image p WHERE p.lesion_id = {LESION} "
    "AND p.created_at > r.signed_at) "
    "AND NOT EXISTS (SELECT 1 FROM clinic_image p "
    f"JOIN {REQUESTS} q ON q.image_id = p.id JOIN diagnosis_review l ON l.request_id = q.id "
    f"WHERE p.lesion_id = {LESION} AND l.signed_at > r.signed_at))"
)
SET_RECALL = (
    # most reviews recall nobody, and leave the row as it is
    f"UPDATE {REQUESTS} SET recall_on = {RECALL} WHERE id = NEW.id AND (recall_on IS NOT NULL "
    "OR EXISTS (SELECT 1 FROM diagnosis_review r WHERE r.id = NEW.signed_review_id "
    "AND r.recall_on IS NOT NULL))"
)
OTHER_REVIEW = (
    "(NEW.signed_review_id IS NOT NULL AND "
    "(OLD.signed_review_id IS NULL OR OLD.signed_review_id <> NEW.signed_review_id))"
)
SAME_RECALL = (
    "(NEW.recall_on IS NULL OR NEW.recall_on {same} OLD.recall_on OR EXISTS (SELECT 1 "
    "FROM diagnosis_review r WHERE r.id = NEW.signed_review_id AND r.recall_on = NEW.recall_on))"
)

# Findings: of a reading, the newest histopathology of its lesion
NEWEST = (
    "(SELECT h.diagnosis FROM diagnosis_histopathology h WHERE h.lesion_id = {lesion} "
    "ORDER BY h.created_at DESC, h.id LIMIT 1)"
)
SET_FINDING = (
    f"UPDATE {REQUESTS} SET finding = {NEWEST.format(lesion=LESION)} WHERE id = NEW.id "
    f"AND EXISTS (SELECT 1 FROM diagnosis_histopathology h WHERE h.lesion_id = {LESION})"
)
TELL_FINDING = (
    f"UPDATE {REQUESTS} SET finding = {NEWEST.format(lesion='NEW.lesion_id')} "
    f"WHERE {OF_LESION.format(lesion='NEW.lesion_id')}"
)
SAME_FINDING = (
    f"(NEW.finding {{same}} OLD.finding OR NEW.finding {{same}} {NEWEST.format(lesion=LESION)})"
)


def unless(name: str, condition: str):
    return refuse_unless(
        name,
        REQUESTS,
        "UPDATE",
        sqlite=condition.format(same="IS"),
        postgresql=condition.format(same="IS NOT DISTINCT FROM"),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("diagnosis", "0014_fill_follow_up"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            "batch",
            "hospital",
            models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clinic.hospital",
            ),
        ),
        migrations.AlterField(
            "batch",
            "created_by",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            "batch",
            models.Index(fields=["hospital", "-created_at", "id"], name="batch_of_hospital"),
        ),
        migrations.AddIndex(
            "batch", models.Index(fields=["created_by", "-created_at", "id"], name="batch_of_user")
        ),
        migrations.RemoveIndex("review", "review_recalls"),
        migrations.AddIndex(
            "diagnosisrequest",
            models.Index(
                condition=Q(("recall_on__isnull", False)),
                fields=["hospital", "recall_on", "id"],
                name="request_recalls",
            ),
        ),
        migrations.RemoveIndex("diagnosisrequest", "request_by_hospital"),
        migrations.AddIndex(
            "diagnosisrequest",
            models.Index(
                fields=["hospital", "-created_at", "id"],
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
                name="request_by_hospital",
            ),
        ),
        migrations.RemoveIndex("diagnosisrequest", "request_worklist"),
        migrations.AddIndex(
            "diagnosisrequest",
            models.Index(
                condition=Q(("conclusion", ""), Q(("status", "cancelled"), _negated=True)),
                fields=["hospital", "-malignancy", "-severity", "created_at", "id"],
                include=("status", "risk", "finished_at", "label", "requested_by"),
                name="request_worklist",
            ),
        ),
        # last: SQLite alters a table by building it anew, without its triggers
        *same_hospital("diagnosis_batch", "batch", "clinic_patient", "patient"),
        *same_hospital(REQUESTS, "request", "clinic_image", "image"),
        refuse(
            "request_begins_without_follow_up",
            REQUESTS,
            "INSERT",
            when="NEW.recall_on IS NOT NULL OR NEW.finding IS NOT NULL",
        ),
        unless("request_recall_is_the_review_s", SAME_RECALL),
        run_after(
            "request_recalls_its_lesion",
            REQUESTS,
            "UPDATE",
            when=OTHER_REVIEW,
            statement=f"{CLOSE_RECALLS.format(lesion=LESION, moment=SIGNED_AT)}; {SET_RECALL}",
        ),
        run_after(
            "image_closes_recalls",
            "clinic_image",
            "INSERT",
            when="true",
            statement=CLOSE_RECALLS.format(lesion="NEW.lesion_id", moment="NEW.created_at"),
        ),
        unless("request_finding_is_the_lesion_s", SAME_FINDING),
        run_after(
            "request_takes_the_finding_insert",
            REQUESTS,
            "INSERT",
            when="NEW.status = 'succeeded'",
            statement=SET_FINDING,
        ),
        run_after(
            "request_takes_the_finding_update",
            REQUESTS,
            "UPDATE",
            when="(NEW.status = 'succeeded' AND OLD.status <> 'succeeded')",
            statement=SET_FINDING,
        ),
        run_after(
            "finding_is_told_to_requests",
            "diagnosis_histopathology",
            "INSERT",
            when="true",
            statement=TELL_FINDING,
        ),
    ]
