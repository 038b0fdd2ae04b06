"""Make a registered model version the one that reads."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic.models import Hospital
from diagnosis.models import ModelVersion
from diagnosis.services.model_versions import activate_model


class Command(BaseCommand):
    help = "Make a registered model version the one that reads, at one hospital or at all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("version")
        parser.add_argument("--hospital", help="the hospital's name; without it, all hospitals")

    def handle(self, *, name: str, version: str, hospital: str | None, **_options) -> None:
        model = ModelVersion.objects.filter(name=name, version=version).first()
        if model is None:
            known = ", ".join(str(entry) for entry in ModelVersion.objects.all()) or "none"
            raise CommandError(f"{name} {version} is not registered (registered: {known}).")
        hospitals = Hospital.objects.filter(name=hospital) if hospital else Hospital.objects.all()
        if not hospitals:
            raise CommandError("There is no such hospital.")
        for entry in hospitals:
            activated = activate_model(actor=None, hospital=entry, model_version=model)
            since = "from now on" if activated else "already"
            self.stdout.write(f"{model} reads for {entry} {since}.")
