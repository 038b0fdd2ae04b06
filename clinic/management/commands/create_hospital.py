"""Make a hospital: the tenant to which records belong."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic.errors import DomainError
from clinic.services.staff import create_hospital


class Command(BaseCommand):
    help = "Make a hospital."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *, name: str, **_options) -> None:
        try:
            hospital = create_hospital(actor=None, name=name)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{hospital} is there ({hospital.pk}).")
