import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from clinic.triggers import refuse

# the reasons as they were called when this was written; their words are in clinic/models/standing.py
REASONS = [
    ("wrong_patient", "It belongs to another patient"),
    ("wrong_lesion", "It belongs to another lesion"),
    ("duplicate", "It is recorded twice"),
    ("test", "It was a test or a training"),
    ("other", "Another mistake"),
]
STANDING = models.Q(entered_in_error_at__isnull=True)
PARTLY = (
    "((NEW.entered_in_error_at IS NULL) <> (NEW.entered_in_error_by_id IS NULL) "
    "OR (NEW.entered_in_error_at IS NULL) <> (NEW.entered_in_error_reason IS NULL))"
)


def refuse_the_way_back(app: str, *models: str) -> migrations.RunPython:
    """Without the marks, what is marked would stand in worklists, figures and reports again, and
    nobody could tell any more what it was."""

    def refuse_marks(apps, editor) -> None:
        rows = (apps.get_model(app, model).objects.exclude(STANDING) for model in models)
        if count := sum(found.count() for found in rows):
            raise SystemExit(
                f"{count} records are marked as entered in error, and would stand in lists and "
                "figures again. Reinstate them (/patients/?entered_in_error and the pages of their "
                "patients and lesions), then migrate again."
            )

    return migrations.RunPython(migrations.RunPython.noop, refuse_marks)


def columns(model: str) -> list:
    """All may be null: so SQLite adds them to the table, and need not build it anew without its
    triggers."""
    return [
        migrations.AddField(
            model, "entered_in_error_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddField(
            model,
            "entered_in_error_by",
            models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model,
            "entered_in_error_reason",
            models.CharField(choices=REASONS, editable=False, max_length=20, null=True),
        ),
    ]


def whole(model: str) -> list:
    """The three columns are set together. A trigger, for the reason above."""
    return [
        refuse(f"{model}_in_error_is_whole_{event.lower()}", f"clinic_{model}", event, when=PARTLY)
        for event in ("INSERT", "UPDATE")
    ]


def lists(model: str) -> list:
    """What stands and what does not, each in an index of its own."""
    fields = ["hospital", "-created_at", "id"]
    return [
        migrations.RemoveIndex(model, f"{model}_of_hospital"),
        migrations.AddIndex(
            model, models.Index(fields=fields, condition=STANDING, name=f"{model}_of_hospital")
        ),
        migrations.AddIndex(
            model,
            models.Index(fields=fields, condition=~STANDING, name=f"{model}_entered_in_error"),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("clinic", "0011_lists_of_one_hospital")]

    operations = [
        migrations.RemoveConstraint("patient", "patient_mrn_is_unique_in_hospital"),
        *(step for model in ("image", "lesion", "patient") for step in columns(model)),
        migrations.AddConstraint(
            "patient",
            models.UniqueConstraint(
                models.F("hospital"),
                django.db.models.functions.text.Upper("medical_record_number"),
                condition=STANDING,
                name="patient_mrn_is_unique_in_hospital",
            ),
        ),
        *(step for model in ("image", "lesion", "patient") for step in whole(model)),
        *(step for model in ("image", "lesion", "patient") for step in lists(model)),
        migrations.RemoveIndex("patient", "patient_by_name"),
        migrations.AddIndex(
            "patient",
            models.Index(
                fields=["hospital", "family_name", "given_name", "medical_record_number", "id"],
                condition=STANDING,
                name="patient_by_name",
            ),
        ),
        # last, so that the way back begins with it
        refuse_the_way_back("clinic", "patient", "lesion", "image"),
    ]
