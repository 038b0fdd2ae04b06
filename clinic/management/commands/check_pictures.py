"""Find files without an image, and images without a file."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic.pictures import StorageError
from clinic.services.stored_files import compare, remove_orphans


class Command(BaseCommand):
    help = (
        "List stored files that belong to no image (left by a process that was killed) and images "
        "whose file is missing. Fails where a file is missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--delete", action="store_true", help="take the files away that belong to no image"
        )

    def handle(self, *, delete: bool, **_options: Any) -> None:
        try:
            found = compare()
        except StorageError as error:
            raise CommandError(f"The storage of pictures does not answer: {error.reason}") from None
        for name in found.orphans:
            self.stdout.write(f"belongs to no image: {name}")
        removed = remove_orphans(found.orphans) if delete else 0
        self.stdout.write(
            f"{len(found.orphans)} files belong to no image, {removed} of them were removed."
        )
        if found.missing:
            lines = "\n".join(f"image {key}: {name} is missing" for key, name in found.missing)
            raise CommandError(f"{lines}\nRestore these files from the backup.")
        self.stdout.write("Every image has its files.")
