"""Indexes with which a search finds a patient by the beginning of a word.

They stand here and not in the model because their operator class is PostgreSQL's own; SQLite, which
is for a trial, looks through all patients.
"""

from django.db import migrations

COLUMNS = ("medical_record_number", "family_name", "given_name")


def create(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for column in COLUMNS:
        editor.execute(
            f"CREATE INDEX patient_search_{column} ON clinic_patient "
            f"(hospital_id, upper({column}::text) text_pattern_ops)"
        )


def drop(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for column in COLUMNS:
        editor.execute(f"DROP INDEX patient_search_{column}")


class Migration(migrations.Migration):
    dependencies = [("clinic", "0004_scale_and_invitations")]
    operations = [migrations.RunPython(create, drop)]
