"""A recall is closed by a picture that was taken after it, and not by an old one that is sent late."""

# the statements are made of names that stand in 0015 and 0018
# ruff: noqa: S608
from importlib import import_module

from django.db import migrations

from clinic.triggers import run_after, stop

first = import_module("diagnosis.migrations.0015_follow_up_is_kept_true")
before = import_module("diagnosis.migrations.0018_lists_without_errors")
OWN_LESION = f"(SELECT i.lesion_id FROM clinic_image i WHERE i.id = {before.REQUESTS}.image_id)"


def by_day_taken(statement: str) -> str:
    """The statement, by the day of the picture ``p`` and no longer by that of its upload."""
    return statement.replace("p.created_at", "COALESCE(p.captured_at, p.created_at)")


OPEN_RECALL = by_day_taken(before.OPEN_RECALL).format(review=before.OWN, lesion=OWN_LESION)
# what such pictures have closed is open again
REOPEN = (
    f"UPDATE {before.REQUESTS} SET recall_on = {OPEN_RECALL} WHERE recall_on IS NULL "
    "AND entered_in_error_at IS NULL "
    "AND signed_review_id IN (SELECT r.id FROM diagnosis_review r WHERE r.recall_on IS NOT NULL) "
    f"AND EXISTS (SELECT 1 FROM clinic_image p WHERE p.lesion_id = {OWN_LESION} "
    "AND p.captured_at < p.created_at)"
)


def closes(moment: str):
    return run_after(
        "image_closes_recalls",
        "clinic_image",
        "INSERT",
        when="true",
        statement=first.CLOSE_RECALLS.format(lesion="NEW.lesion_id", moment=moment),
    )


def marks(find_recalls: str):
    return run_after(
        "image_is_entered_in_error",
        "clinic_image",
        "UPDATE",
        when=before.CHANGED,
        statement=f"{before.TELL_REQUESTS}; {before.CANCEL}; {find_recalls}",
    )


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0019_batches_without_errors")]

    operations = [
        stop(closes("NEW.created_at")),
        closes("COALESCE(NEW.captured_at, NEW.created_at)"),
        stop(marks(before.FIND_RECALLS)),
        marks(by_day_taken(before.FIND_RECALLS)),
        stop(before.recalls(f"{before.CLOSE_RECALLS}; {before.SET_RECALL}")),
        before.recalls(f"{before.CLOSE_RECALLS}; {by_day_taken(before.SET_RECALL)}"),
        migrations.RunSQL(REOPEN, migrations.RunSQL.noop),
    ]
