"""Fill the database with synthetic records, to measure how Nevus behaves when it is full."""

import json
import time
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from clinic.models import Hospital
from diagnosis.demo.fill import draw, events, people, pictures, records, tables
from diagnosis.models import ModelVersion
from diagnosis.services.model_versions import register_model

CHUNK = 1000
MOST_ON_SQLITE = 20_000


class Command(BaseCommand):
    help = (
        "Fill the database with synthetic patients, five images and fifteen audit events for each, "
        "over up to twenty hospitals. The whole country of 200000 patients takes about ten minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--patients", type=int, default=200_000, help="how many (200000)")
        parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same")

    def handle(self, *, patients: int, seed: int, **_options: Any) -> None:
        self.refuse(patients)
        noise = np.random.default_rng(seed)
        began = time.monotonic()
        model = starter()
        files = pictures.store_drawings()
        family, given = people.names(2000, 2, noise), people.names(300, 1, noise)
        now, first = timezone.now(), 1
        sites = people.make_sites(patients, model)
        statistics, years = tables.Statistics(), draw.years_of(patients)
        for site in sites:
            writer = records.Writer(site, model, files, family, given, now, noise)
            images, written = fill_site(writer, first, years, statistics)
            first += site.patients
            self.stdout.write(
                f"{site.hospital}: {site.patients} patients, {images} images, {written} events "
                f"({time.monotonic() - began:.0f} s)"
            )
            self.stdout.flush()
        tables.tidy()
        self.stdout.write(f"Filled in {time.monotonic() - began:.0f} s.")
        for username, password in (sites[0].logins | sites[-1].logins).items():
            self.stdout.write(f"  {username}  {password}")

    def refuse(self, patients: int) -> None:
        if patients < 100:
            raise CommandError("Fill with at least 100 patients.")
        if connection.vendor == "sqlite" and patients > MOST_ON_SQLITE:
            raise CommandError(
                f"SQLite takes at most {MOST_ON_SQLITE} patients: set DATABASE_URL to PostgreSQL."
            )
        if Hospital.objects.filter(name__startswith="Filled Hospital").exists():
            raise CommandError("This database is filled already.")


@transaction.atomic
def fill_site(
    writer: records.Writer, first: int, years: float, statistics: tables.Statistics
) -> tuple[int, int]:
    """One hospital, all of it or nothing; the numbers of images and of audit events."""
    full = writer.site.patients >= 10 * draw.FULL_PATIENT_LESIONS and first == 1
    counts = draw.image_counts(writer.site.patients, writer.noise, full=full)
    parts = [
        (start, draw.draw(counts[start:end], years, writer.now, writer.noise))
        for start, end in records.chunks(len(counts), CHUNK)
    ]
    since = records.unsigned_since(np.concatenate([part.at for _start, part in parts]))
    for start, part in parts:
        writer.write(part, first + start, since)
        statistics.note(part.patients)
    return int(counts.sum()), events.write_events(writer.site, writer.written, writer.noise)


def starter() -> ModelVersion:
    """The model that comes with the repository, registered where it is not."""
    folder = settings.BASE_DIR / "ml" / "checkpoints" / "starter"
    manifest = json.loads((folder / "manifest.json").read_text())
    card = (folder / "MODEL_CARD.md").read_text()
    return register_model(actor=None, folder=folder, manifest=manifest, card=card)
