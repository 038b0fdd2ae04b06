"""A medical record number is one number, in capitals or not."""

import django.db.models.functions.text
from django.db import migrations, models
from django.db.models import Count
from django.db.models.functions import Upper


def refuse_doubles(apps, editor) -> None:
    """Which of two patients is meant only a doctor knows: nothing is merged or renamed here."""
    patients = apps.get_model("clinic", "Patient").objects.order_by()
    numbers = patients.annotate(number=Upper("medical_record_number"))
    doubles = numbers.values("hospital", "number").annotate(count=Count("pk")).filter(count__gt=1)
    keys = [
        str(key)
        for row in doubles
        for key in numbers.filter(hospital=row["hospital"], number=row["number"])
        .order_by("created_at")
        .values_list("pk", flat=True)
    ]
    if keys:
        raise SystemExit(
            "These patients of one hospital have numbers that differ only in capitals. Correct one "
            "of each (/patients/ID/edit/ in the version before), then migrate again: "
            + ", ".join(keys)
        )


class Migration(migrations.Migration):
    dependencies = [("clinic", "0005_patient_search")]

    operations = [
        migrations.RunPython(refuse_doubles, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="patient", name="patient_mrn_is_unique_in_hospital"),
        migrations.AddConstraint(
            model_name="patient",
            constraint=models.UniqueConstraint(
                models.F("hospital"),
                django.db.models.functions.text.Upper("medical_record_number"),
                name="patient_mrn_is_unique_in_hospital",
            ),
        ),
    ]
