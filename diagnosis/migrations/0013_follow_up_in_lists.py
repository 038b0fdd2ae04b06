import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The columns; 0014 fills them, 0015 keeps them true."""

    dependencies = [
        ("clinic", "0011_lists_of_one_hospital"),
        ("diagnosis", "0012_heat_maps"),
    ]

    operations = [
        migrations.AddField(
            "diagnosisrequest", "recall_on", models.DateField(editable=False, null=True)
        ),
        migrations.AddField(
            "diagnosisrequest",
            "finding",
            models.CharField(editable=False, max_length=50, null=True),
        ),
        migrations.AddField(
            "batch",
            "hospital",
            models.ForeignKey(
                null=True,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clinic.hospital",
            ),
        ),
    ]
