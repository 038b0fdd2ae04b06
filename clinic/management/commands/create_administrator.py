"""Make the operator of the platform: the account that makes hospitals and other accounts."""

import os
import secrets
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic.errors import DomainError
from clinic.models import User
from clinic.services.staff import create_operator

VARIABLE = "NEVUS_ADMINISTRATOR_PASSWORD"


class Command(BaseCommand):
    help = (
        "Make a superuser, who operates the platform and sees no clinical record. The password is "
        f"that of the file {VARIABLE}_FILE names; without one it is made and printed, once, alone "
        "on the last line."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--if-none", action="store_true", help="only where there is no superuser yet"
        )

    def handle(self, *, username: str, if_none: bool, **_options) -> None:
        if if_none and User.objects.filter(is_superuser=True).exists():
            self.stdout.write("There is an administrator already; nothing was changed.")
            return
        given = read_password()
        password = given or secrets.token_urlsafe(12)
        try:
            create_operator(actor=None, username=username, password=password)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"The administrator {username} can sign in at /admin/.")
        if not given:
            self.stdout.write(password)


def read_password() -> str:
    path = os.environ.get(f"{VARIABLE}_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
