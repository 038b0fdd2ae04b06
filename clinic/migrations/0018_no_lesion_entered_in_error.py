"""A reason more for what was entered in error; no column changes."""

from django.db import migrations, models

REASONS = [
    ("wrong_patient", "It belongs to another patient"),
    ("wrong_lesion", "It belongs to another lesion"),
    ("no_lesion", "It shows no lesion"),
    ("duplicate", "It is recorded twice"),
    ("test", "It was a test or a training"),
    ("other", "Another mistake"),
]


class Migration(migrations.Migration):
    dependencies = [("clinic", "0017_names_in_order")]
    operations = [
        migrations.AlterField(
            name,
            "entered_in_error_reason",
            models.CharField(choices=REASONS, editable=False, max_length=20, null=True),
        )
        for name in ("image", "lesion", "patient")
    ]
