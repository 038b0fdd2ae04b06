"""Register a checkpoint as a model version."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic.errors import DomainError
from clinic.models import Hospital
from diagnosis.services.model_versions import activate_model, register_model


class Command(BaseCommand):
    help = "Load a checkpoint once to check it, copy it below CHECKPOINT_ROOT and register it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="model.safetensors, manifest.json, card")
        parser.add_argument(
            "--activate", action="store_true", help="make it the model that reads, everywhere"
        )

    def handle(self, *, folder: Path, activate: bool, **_options) -> None:
        # here, because importing torch takes seconds that --help need not wait for
        from diagnosis.inference import CheckpointError, read_checkpoint

        try:
            manifest, card = read_checkpoint(folder)
            model = register_model(actor=None, folder=folder, manifest=manifest, card=card)
        except (CheckpointError, DomainError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Registered {model} ({model.pk}).")
        for hospital in Hospital.objects.all() if activate else ():
            activated = activate_model(actor=None, hospital=hospital, model_version=model)
            since = "from now on" if activated else "already"
            self.stdout.write(f"It reads for {hospital} {since}.")
