"""Print a new API token of a user."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic.errors import DomainError
from clinic.models import Scope, User
from clinic.services.tokens import DEFAULT_DAYS, create_token


class Command(BaseCommand):
    help = "Make an API token for a user and print it, once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, dest="scopes"
        )
        parser.add_argument("--name", default="command line")
        parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help="valid for so many days")

    def handle(self, *, username: str, scopes: list[str], name: str, days: int, **_options) -> None:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user “{username}”.")
        try:
            _token, secret = create_token(
                actor=user, user=user, scopes=scopes, name=name, days=days
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(secret)
