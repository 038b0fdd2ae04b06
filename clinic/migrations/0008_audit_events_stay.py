from django.db import migrations

from clinic.triggers import refuse_again


class Migration(migrations.Migration):
    """0004 had built the table of audit events anew on SQLite, without their triggers."""

    dependencies = [("clinic", "0007_image_diameter")]

    operations = [
        refuse_again("audit_events_are_never_updated", "clinic_auditevent", "UPDATE"),
        refuse_again("audit_events_are_never_deleted", "clinic_auditevent", "DELETE"),
    ]
