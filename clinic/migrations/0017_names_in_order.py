"""Patients stand by their names without capitals and marks, in an order that does not depend on the
collation that the database was made with.

The index is made before the old one goes: meanwhile patients are read, and only writing waits, a
few seconds where there are some hundred thousand. On SQLite nothing is indexed, as in 0013.
"""

from django.db import migrations

NAMES = ("family_name", "given_name")


def create(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    names = ", ".join(f'(nevus_fold({name}::text) COLLATE "C")' for name in NAMES)
    editor.execute(
        f"CREATE INDEX patient_in_order ON clinic_patient (hospital_id, {names}, "
        "medical_record_number, id) WHERE entered_in_error_at IS NULL"
    )


def drop(apps, editor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX patient_in_order")


class Migration(migrations.Migration):
    dependencies = [("clinic", "0016_user_names_in_any_case")]
    operations = [
        migrations.RunPython(create, drop),
        migrations.RemoveIndex("patient", "patient_by_name"),
    ]
