"""Names are searched without the marks of their letters, by each one's first and second word.

On SQLite, which is for a trial, the function is Python's (clinic/apps.py) and nothing is indexed.
"""

from django.db import migrations

from clinic.letters import MARKED, MARKS, PLAIN

NAMES = ("family_name", "given_name")
# two surnames and two given names are usual
WORDS = {"": "{}::text", "_second": "split_part({}::text, ' ', 2)"}


def create(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    editor.execute(
        "CREATE FUNCTION nevus_fold(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        "AS $$ SELECT upper(translate(name, %s, %s)) $$",
        [MARKED + MARKS, PLAIN],
    )
    for name in NAMES:
        editor.execute(f"DROP INDEX patient_search_{name}")
        for which, word in WORDS.items():
            editor.execute(
                f"CREATE INDEX patient_search_{name}{which} ON clinic_patient "
                f"(hospital_id, nevus_fold({word.format(name)}) text_pattern_ops)"
            )


def drop(apps, editor) -> None:
    if editor.connection.vendor != "postgresql":
        return
    for name in NAMES:
        for which in WORDS:
            editor.execute(f"DROP INDEX patient_search_{name}{which}")
        editor.execute(
            f"CREATE INDEX patient_search_{name} ON clinic_patient "
            f"(hospital_id, upper({name}::text) text_pattern_ops)"
        )
    editor.execute("DROP FUNCTION nevus_fold(text)")


class Migration(migrations.Migration):
    dependencies = [("clinic", "0012_entered_in_error")]
    operations = [migrations.RunPython(create, drop)]
