"""A finding is never changed: a corrected one is a new row."""

from django.db import migrations

from clinic.triggers import refuse


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0007_follow_up")]

    operations = [
        refuse("histopathology_is_never_updated", "diagnosis_histopathology", "UPDATE"),
    ]
