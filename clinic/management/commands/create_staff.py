"""Make an account with a role at a hospital, or give an account another role."""

import secrets

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from clinic.errors import DomainError
from clinic.models import Hospital, Role, User
from clinic.services.staff import add_membership, create_user


class Command(BaseCommand):
    help = (
        "Give a person, or another system, a role at a hospital. A new account's password is made "
        "and printed, once, alone on the last line."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--hospital", required=True, help="the hospital's name")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--given-name", default="")
        parser.add_argument("--family-name", default="")

    def handle(self, *, username: str, hospital: str, role: str, **options) -> None:
        place = Hospital.objects.filter(name=hospital).first()
        if place is None:
            known = ", ".join(Hospital.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no hospital “{hospital}” (there are: {known}).")
        names = {name: options[name] for name in ("given_name", "family_name")}
        password = ""
        try:
            with transaction.atomic():
                user = User.objects.filter(username=username).first()
                if user is None:
                    password = secrets.token_urlsafe(12)
                    user = create_user(actor=None, username=username, password=password, **names)
                add_membership(actor=None, user=user, hospital=place, role=role)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{username} is {role} at {place}.")
        if password:
            self.stdout.write(password)
