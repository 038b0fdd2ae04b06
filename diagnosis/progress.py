"""How far a batch is: each file with the reading that counts, counted and put in order."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count

from diagnosis.models import Batch, BatchFile, DiagnosisRequest, Status
from diagnosis.models.requests import OPEN, DiagnosisRequestQuerySet

# a melanoma first, whatever else is more probable elsewhere
FIRST = "melanoma"
UNANSWERED = (Status.FAILED, Status.REJECTED, Status.CANCELLED)


class Reading(NamedTuple):
    """The columns of a reading by which it is counted and put in order."""

    pk: UUID
    image_id: UUID
    status: str
    label: str
    malignancy: float
    severity: int
    risk: str
    prediction_id: UUID | None
    signed_review_id: UUID | None

    @property
    def waits_for_review(self) -> bool:
        return self.status == Status.SUCCEEDED and self.signed_review_id is None


class Outcome:
    """What became of a file, by the reading that counts; None where the file became no image."""

    request: Reading | DiagnosisRequest | None

    @property
    def is_refused(self) -> bool:
        return self.request is None

    @property
    def status(self) -> str:
        return self.request.status if self.request else Status.REJECTED

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def waits_for_review(self) -> bool:
        return self.request is not None and self.request.waits_for_review

    @property
    def is_unanswered(self) -> bool:
        """Failed, not readable, cancelled, or refused as a file."""
        return self.status in UNANSWERED

    @property
    def is_suspicious(self) -> bool:
        """A risk that is not low, by the bands with which it was read."""
        return self.request is not None and self.request.risk in ("medium", "high")


@dataclass(frozen=True)
class Line(Outcome):
    """A file, as it is counted and put in order; ``again`` others brought the same picture."""

    file: UUID
    name: str
    again: int
    request: Reading | None

    @property
    def by_name(self) -> tuple:
        """So that 2.jpg comes before 10.jpg."""
        parts = re.split(r"(\d+)", self.name.casefold())
        # a raised two is a digit, but no decimal: int() does not read it
        return [(p.isdecimal(), int(p) if p.isdecimal() else p) for p in parts], str(self.file)

    @property
    def by_malignancy(self) -> tuple:
        row = self.request
        return (-row.malignancy, -row.severity, *self.by_name) if row else (2.0, 0, *self.by_name)

    @property
    def by_importance(self) -> tuple:
        """Melanoma, then falling malignancy, then what has no answer."""
        label = self.request.label if self.request else ""
        return (label != FIRST, *self.by_malignancy)


@dataclass(frozen=True)
class Entry(Outcome):
    """A file with all that is shown of it."""

    file: BatchFile
    request: DiagnosisRequest | None
    # of a picture that is not readable, the reading of a later one of its lesion
    retaken: DiagnosisRequest | None = None


# what may be shown of a batch
SHOWN = {
    "suspicious": attrgetter("is_suspicious"),
    "to_review": attrgetter("waits_for_review"),
    "unanswered": attrgetter("is_unanswered"),
}


@dataclass(frozen=True)
class Progress:
    batch: Batch
    lines: list[Line]

    @cached_property
    def counts(self) -> Counter:
        return Counter(line.status for line in self.lines)

    @property
    def total(self) -> int:
        return len(self.lines)

    @property
    def again(self) -> int:
        """Files that brought a picture of another name once more."""
        return sum(line.again for line in self.lines)

    @property
    def sent(self) -> int:
        """Files, of which some may have brought the same picture."""
        return self.total + self.again

    @property
    def waiting(self) -> int:
        return sum(line.is_open for line in self.lines)

    @property
    def ended(self) -> int:
        """Whatever became of them: nothing more happens to these by itself."""
        return self.total - self.waiting

    @property
    def refused(self) -> int:
        """Files that became no image; ``counts`` has them among the rejected."""
        return sum(line.is_refused for line in self.lines)

    @property
    def suspicious(self) -> int:
        return sum(line.is_suspicious for line in self.lines)

    def order(self, wanted: str | None) -> str:
        """By importance as soon as all is read, where nothing else is wanted."""
        return wanted or ("name" if self.waiting else "importance")

    def in_order(self, order: str) -> list[Line]:
        return sorted(self.lines, key=attrgetter(f"by_{order}"))

    def next_to_review(self, file: UUID, *, show: str | None, order: str | None) -> UUID | None:
        """The first reading after this file's that waits for a doctor, or else before, in the
        order in which the results are shown; of those that are shown, while there is one."""
        lines = self.in_order(self.order(order))
        here = next((n for n, line in enumerate(lines) if line.file == file), 0)
        others = lines[here + 1 :] + lines[:here]
        waiting = [line for line in others if line.waits_for_review]
        shown = [line for line in waiting if show is None or SHOWN[show](line)]
        return next((line.request.pk for line in [*shown, *waiting] if line.request), None)


def progress_of(batch: Batch) -> Progress:
    """Each file by what counts and orders it; two light queries. All that is shown of the files is
    read for those of a page (``filled``)."""
    counting: dict[UUID, Reading] = {}
    for row in map(Reading._make, readings_of(batch).values_list(*Reading._fields)):
        before = counting.get(row.image_id)
        # a reading that is there counts until a newer one is
        if before is None or row.prediction_id or not before.prediction_id:
            counting[row.image_id] = row
    files = batch.files.standing().values_list("pk", "name", "other_names", "image")
    lines = [Line(pk, name, len(others), counting.get(image)) for pk, name, others, image in files]
    return Progress(batch, lines)


def filled(batch: Batch, lines: Iterable[Line]) -> list[Entry]:
    """These with all that is shown of them. Constant in queries; without what went meanwhile."""
    wanted = list(lines)
    files = batch.files.in_bulk([line.file for line in wanted])
    keys = [line.request.pk for line in wanted if line.request]
    readings = DiagnosisRequest.objects.with_records().in_bulk(keys)
    for row in readings.values():
        row.image.lesion.patient = batch.patient
    found = ((line.file, line.request and line.request.pk) for line in wanted)
    return [Entry(files[file], readings.get(key)) for file, key in found if file in files]


def with_retaken(batch: Batch, entries: list[Entry]) -> list[Entry]:
    """The same; beside a picture that is not readable the reading of one that was taken anew."""
    unread = [row for e in entries if (row := e.request) and row.status == Status.REJECTED]
    again = {} if batch.lesion_id else retaken_of(unread)
    if not again:
        return entries
    keys = {row.pk: again.get(row.image.lesion_id) for row in unread}
    return [replace(e, retaken=keys.get(e.request.pk)) if e.request else e for e in entries]


def retaken_of(unread: Collection[DiagnosisRequest]) -> dict[UUID, DiagnosisRequest]:
    """By lesion the newest reading of it, where a picture was taken again; without a query where
    every picture was readable."""
    lesions = [row.image.lesion_id for row in unread]
    if not lesions:
        return {}
    rows = DiagnosisRequest.objects.standing().filter(status=Status.SUCCEEDED)
    rows = rows.filter(image__lesion__in=lesions).exclude(image__in=[r.image_id for r in unread])
    rows = rows.select_related("image", "prediction").order_by("created_at")
    return {row.image.lesion_id: row for row in rows}


def readings_of(batch: Batch) -> DiagnosisRequestQuerySet:
    rows = DiagnosisRequest.objects.standing().filter(image__batch_file__batch=batch)
    return rows.order_by("created_at", "id")


def stage_of(batch: Batch) -> str:
    """Changes whenever a file or a reading of the batch does; two light queries."""
    rows = readings_of(batch).order_by().values_list("status")
    states = dict(rows.annotate(n=Count("pk")))
    parts = [f"{state}{count}" for state, count in sorted(states.items())]
    others = list(batch.files.standing().order_by().values_list("other_names", flat=True))
    return f"{len(others)}-{sum(map(len, others))}-{'-'.join(parts)}"
