from django.db import migrations

from clinic.triggers import refuse


class Migration(migrations.Migration):
    dependencies = [("clinic", "0001_initial")]

    operations = [
        refuse("audit_events_are_never_updated", "clinic_auditevent", "UPDATE"),
        refuse("audit_events_are_never_deleted", "clinic_auditevent", "DELETE"),
    ]
