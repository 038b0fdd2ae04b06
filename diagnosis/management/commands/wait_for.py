"""Wait until what this process needs is there, and say what is not."""

import time
from collections.abc import Callable

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import startup


class Command(BaseCommand):
    help = "Wait until the named parts are there; fail with a sentence where they do not come."
    # nothing may ask the database before it is known to answer
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("parts", nargs="+", choices=startup.PARTS)
        parser.add_argument("--seconds", type=float, default=settings.NEVUS_WAIT_SECONDS)

    def handle(self, *, parts: list[str], seconds: float, **_options) -> None:
        deadline = time.monotonic() + seconds
        for part in parts:
            self.wait(startup.PARTS[part], deadline, seconds)

    def wait(self, ask: Callable[[], None], deadline: float, seconds: float) -> None:
        said = ""
        while True:
            try:
                return ask()
            except startup.RefusedError as error:
                # waiting does not change a wrong password
                raise CommandError(str(error)) from error
            except startup.MissingError as error:
                if time.monotonic() > deadline:
                    raise CommandError(f"{error} (waited {seconds:.0f} s)") from error
                if said != str(error):
                    self.stderr.write(f"Waiting: {error}")
                    said = str(error)
            time.sleep(startup.PAUSE_SECONDS)
