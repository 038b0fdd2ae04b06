# the statements are made of names that stand here
# ruff: noqa: S608
"""A batch repeats whether its patient or its lesion was entered in error, so that its lists leave it
out from an index. What is repeated is never lost: the way back is open."""

from importlib import import_module

from django.db import migrations, models

from clinic.triggers import run_after

before = import_module("diagnosis.migrations.0018_lists_without_errors")
BATCHES = "diagnosis_batch"
STANDING, NEWEST_FIRST = before.STANDING, before.NEWEST_FIRST
OF_USER = ("created_by", "-created_at", "id")

OF_PATIENT = (
    f"(SELECT p.entered_in_error_at FROM clinic_patient p WHERE p.id = {BATCHES}.patient_id)"
)
OF_LESION = f"(SELECT l.entered_in_error_at FROM clinic_lesion l WHERE l.id = {BATCHES}.lesion_id)"
TELL = f"UPDATE {BATCHES} SET entered_in_error_at = COALESCE({OF_PATIENT}, {OF_LESION})"
# nearly none: only these rows are written
MARKED = f"COALESCE({OF_PATIENT}, {OF_LESION}) IS NOT NULL"


def tells_batches(holder: str):
    """What was entered in error takes its batches along, and brings them back."""
    return run_after(
        f"{holder}_in_error_takes_its_batches",
        f"clinic_{holder}",
        "UPDATE",
        when=before.CHANGED,
        statement=f"{TELL} WHERE {holder}_id = NEW.id",
    )


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0018_lists_without_errors")]

    operations = [
        migrations.RemoveIndex("batch", "batch_of_hospital"),
        migrations.RemoveIndex("batch", "batch_of_user"),
        migrations.AddField(
            "batch", "entered_in_error_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.RunSQL(f"{TELL} WHERE {MARKED}", migrations.RunSQL.noop),
        migrations.AddIndex(
            "batch",
            models.Index(fields=NEWEST_FIRST, condition=STANDING, name="batch_of_hospital"),
        ),
        migrations.AddIndex(
            "batch",
            models.Index(fields=NEWEST_FIRST, condition=~STANDING, name="batch_entered_in_error"),
        ),
        migrations.AddIndex(
            "batch", models.Index(fields=OF_USER, condition=STANDING, name="batch_of_user")
        ),
        tells_batches("patient"),
        tells_batches("lesion"),
    ]
