"""Fill an empty system with the trial's sample hospitals."""

from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from clinic.models import Hospital, User
from diagnosis.demo import samples


class Command(BaseCommand):
    help = "Make sample hospitals, staff, patients and drawn lesions, and let the starter read."

    @transaction.atomic
    def handle(self, **_options) -> None:
        # looked at within the transaction: one that lost its terminal may still be at work
        if Hospital.objects.exists():
            self.stdout.write("There are hospitals already; nothing was changed.")
            return
        hospitals = samples.make_hospitals(Path(settings.VAR_DIR) / "demo-logins.json")
        starter = settings.BASE_DIR / "ml" / "checkpoints" / "starter"
        call_command("register_model", starter, activate=True, stdout=self.stdout)
        images = self.make_patients(hospitals)
        self.stdout.write(f"{len(hospitals)} hospitals and {images} drawn lesions are recorded.")

    def make_patients(self, hospitals: dict[str, Hospital]) -> int:
        plan = (
            ("doctor", samples.FIRST, samples.NORTH),
            ("doctor2", samples.SECOND, samples.SOUTH),
        )
        images = 0
        for username, name, patients in plan:
            doctor = User.objects.get(username=username)
            images += samples.make_patients(
                actor=doctor, hospital=hospitals[name], patients=patients
            )
        return images
