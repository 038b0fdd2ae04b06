"""Names are searched by their third and fourth words too, as "de la Cruz" is by Cruz."""

# the statements are made of names that stand in 0013
from importlib import import_module

from django.db import migrations

before = import_module("clinic.migrations.0013_names_without_marks")
PLACES = (3, 4)


def create(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for name in before.NAMES:
        for place in PLACES:
            editor.execute(
                f"CREATE INDEX patient_search_{name}_{place} ON clinic_patient (hospital_id, "
                f"nevus_fold(split_part({name}::text, ' ', {place})) text_pattern_ops)"
            )


def drop(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for name in before.NAMES:
        for place in PLACES:
            editor.execute(f"DROP INDEX patient_search_{name}_{place}")


class Migration(migrations.Migration):
    dependencies = [("clinic", "0013_names_without_marks")]
    operations = [migrations.RunPython(create, drop)]
