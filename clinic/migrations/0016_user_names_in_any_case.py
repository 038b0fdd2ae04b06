"""User names are found in any case: the table stays as it is."""

from django.db import migrations

import clinic.models.users


class Migration(migrations.Migration):
    dependencies = [("clinic", "0015_same_pictures_are_found")]

    operations = [
        migrations.AlterModelManagers(
            name="user",
            managers=[("objects", clinic.models.users.UserManager())],
        ),
    ]
