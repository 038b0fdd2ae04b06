"""Names are searched by each one's first four words, as "de la Cruz" is by Cruz, and without their
apostrophes and hyphens."""

from importlib import import_module

from django.db import migrations

from clinic.letters import BY, MARKED, MARKS, PLAIN, REPLACED

before = import_module("clinic.migrations.0013_names_without_marks")
PLACES = range(1, 5)
FOLD = (
    "CREATE OR REPLACE FUNCTION nevus_fold(name text) RETURNS text LANGUAGE sql IMMUTABLE "
    "PARALLEL SAFE AS $$ SELECT upper(translate(name, %s, %s)) $$"
)


def word(name: str, place: int) -> str:
    folded = f"nevus_fold({name}::text)"
    return folded if place == 1 else f"split_part({folded}, ' ', {place})"


def create(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for name in before.NAMES:
        for which in before.WORDS:
            editor.execute(f"DROP INDEX patient_search_{name}{which}")
    editor.execute(FOLD, [REPLACED, BY])
    for name in before.NAMES:
        for place in PLACES:
            editor.execute(
                f"CREATE INDEX patient_search_{name}_{place} ON clinic_patient "
                f"(hospital_id, ({word(name, place)}) text_pattern_ops)"
            )


def drop(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for name in before.NAMES:
        for place in PLACES:
            editor.execute(f"DROP INDEX patient_search_{name}_{place}")
    editor.execute(FOLD, [MARKED + MARKS, PLAIN])
    for name in before.NAMES:
        for which, part in before.WORDS.items():
            editor.execute(
                f"CREATE INDEX patient_search_{name}{which} ON clinic_patient "
                f"(hospital_id, nevus_fold({part.format(name)}) text_pattern_ops)"
            )


class Migration(migrations.Migration):
    dependencies = [("clinic", "0013_names_without_marks")]
    operations = [migrations.RunPython(create, drop)]
