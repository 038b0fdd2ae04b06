"""User names are found in any case: the table stays as it is."""

from django.db import migrations

import clinic.models.users


class Migration(migrations.Migration):
    dependencies = [("clinic", "0014_names_of_four_words")]

    operations = [
        migrations.AlterModelManagers(
            name="user",
            managers=[("objects", clinic.models.users.UserManager())],
        ),
    ]
