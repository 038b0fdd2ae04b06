from django.db import migrations, models


def hospital() -> models.ForeignKey:
    """Of the lesion's patient or of the image's lesion; 0010 fills it, 0011 asks for it."""
    return models.ForeignKey(
        null=True,
        db_index=False,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        to="clinic.hospital",
    )


class Migration(migrations.Migration):
    dependencies = [("clinic", "0008_audit_events_stay")]

    operations = [
        migrations.AddField("lesion", "hospital", hospital()),
        migrations.AddField("image", "hospital", hospital()),
    ]
