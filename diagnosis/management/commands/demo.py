"""Run the trial: everything that Nevus needs, on this machine, until Ctrl-C."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from clinic.models import Hospital
from diagnosis.demo import static_files, trial
from diagnosis.demo.processes import ProcessError


class Command(BaseCommand):
    help = "Run Nevus with sample data on this machine: database, web server and one worker."
    # a check costs a second, and migrate runs them
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", default="8000", help="port to listen on")

    def handle(self, *args: Any, host: str, port: str, **options: Any) -> None:
        try:
            with trial.interruptible():
                self.run(host, trial.parse_port(port), Path(settings.VAR_DIR))
        except trial.Interrupted:
            self.say("Nevus has stopped.")
        except (trial.TrialError, ProcessError) as error:
            raise CommandError(str(error)) from error

    def run(self, host: str, port: int, var: Path) -> None:
        with trial.hold_lock(var / "demo.lock", address=trial.browser_address(host, port)):
            trial.check_port(host, port)
            self.say("Preparing the database.")
            self.prepare(var)
            self.say("Starting the web server and the worker.")
            trial.run(host=host, port=port, var=var, say=self.say)

    def prepare(self, var: Path) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        static_files.collect_when_changed(var / "static.fingerprint")
        if not Hospital.objects.exists():
            self.say("Making sample hospitals, patients and images.")
            trial.run_to_end([sys.executable, "manage.py", "seed_demo"])

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
