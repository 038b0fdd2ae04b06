import django.db.models.deletion
from django.db import migrations, models

from clinic.triggers import same_hospital


def hospital() -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False,
        editable=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="clinic.hospital",
    )


def of_hospital(name: str) -> models.Index:
    return models.Index(fields=["hospital", "-created_at", "id"], name=name)


class Migration(migrations.Migration):
    dependencies = [("clinic", "0010_fill_hospitals")]

    operations = [
        migrations.AlterField("lesion", "hospital", hospital()),
        migrations.AlterField("image", "hospital", hospital()),
        migrations.RemoveIndex("lesion", "lesion_newest_first"),
        migrations.RemoveIndex("image", "image_newest_first"),
        # a hospital's patients are read from patient_of_hospital
        migrations.RemoveIndex("patient", "patient_newest_first"),
        migrations.AddIndex("lesion", of_hospital("lesion_of_hospital")),
        migrations.AddIndex("image", of_hospital("image_of_hospital")),
        # an identifier is asked for without its type
        migrations.RemoveIndex("auditevent", "audit_by_object"),
        migrations.AddIndex(
            "auditevent",
            models.Index(fields=["hospital", "object_id", "-at", "-id"], name="audit_by_object"),
        ),
        migrations.RemoveIndex("auditevent", "audit_by_actor"),
        migrations.AddIndex(
            "auditevent",
            models.Index(
                fields=["hospital", "actor", "-at", "-id"],
                include=("action",),
                name="audit_by_actor",
            ),
        ),
        # last: SQLite alters a table by building it anew, without its triggers
        *same_hospital("clinic_lesion", "lesion", "clinic_patient", "patient"),
        *same_hospital("clinic_image", "image", "clinic_lesion", "lesion"),
    ]
