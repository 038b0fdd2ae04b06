"""How far a batch is: each file with the reading that counts, counted and put in order."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from uuid import UUID

from diagnosis.models import Batch, BatchFile, DiagnosisRequest, Status
from diagnosis.models.requests import OPEN, DiagnosisRequestQuerySet

# a melanoma first, whatever else is more probable elsewhere
FIRST = "melanoma"
UNANSWERED = (Status.FAILED, Status.REJECTED, Status.CANCELLED)
OUTLINE = (
    "image",
    "label",
    "malignancy",
    "prediction",
    "risk",
    "severity",
    "signed_review",
    "status",
)


@dataclass(frozen=True)
class Entry:
    """A file and its reading; None where the file became no image."""

    file: BatchFile
    request: DiagnosisRequest | None
    # of a picture that is not readable, the reading of a later one of its lesion
    retaken: DiagnosisRequest | None = None

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

    @property
    def by_name(self) -> tuple:
        """So that 2.jpg comes before 10.jpg."""
        parts = re.split(r"(\d+)", self.file.name.casefold())
        # a raised two is a digit, but no decimal: int() does not read it
        return [(p.isdecimal(), int(p) if p.isdecimal() else p) for p in parts], self.key

    @property
    def by_malignancy(self) -> tuple:
        row = self.request
        return (-row.malignancy, -row.severity, *self.by_name) if row else (2.0, 0, *self.by_name)

    @property
    def by_importance(self) -> tuple:
        """Melanoma, then falling malignancy, then what has no answer."""
        label = self.request.label if self.request else ""
        return (label != FIRST, *self.by_malignancy)

    @property
    def key(self) -> str:
        return str(self.file.pk)


# what may be shown of a batch
SHOWN = {
    "suspicious": attrgetter("is_suspicious"),
    "to_review": attrgetter("waits_for_review"),
    "unanswered": attrgetter("is_unanswered"),
}


@dataclass(frozen=True)
class Progress:
    batch: Batch
    entries: list[Entry]

    @cached_property
    def counts(self) -> Counter:
        return Counter(entry.status for entry in self.entries)

    @property
    def total(self) -> int:
        return len(self.entries)

    @property
    def again(self) -> int:
        """Files that brought a picture of another name once more."""
        return sum(len(entry.file.other_names) for entry in self.entries)

    @property
    def sent(self) -> int:
        """Files, of which some may have brought the same picture."""
        return self.total + self.again

    @property
    def waiting(self) -> int:
        return sum(entry.is_open for entry in self.entries)

    @property
    def ended(self) -> int:
        """Whatever became of them: nothing more happens to these by itself."""
        return self.total - self.waiting

    @property
    def refused(self) -> int:
        """Files that became no image; ``counts`` has them among the rejected."""
        return sum(entry.is_refused for entry in self.entries)

    @property
    def suspicious(self) -> int:
        return sum(entry.is_suspicious for entry in self.entries)

    def order(self, wanted: str | None) -> str:
        """By importance as soon as all is read, where nothing else is wanted."""
        return wanted or ("name" if self.waiting else "importance")

    def in_order(self, order: str) -> list[Entry]:
        return sorted(self.entries, key=attrgetter(f"by_{order}"))

    def next_to_review(
        self, file: BatchFile, *, show: str | None, order: str | None
    ) -> DiagnosisRequest | None:
        """The first reading after this file's that waits for a doctor, or else before, in the
        order in which the results are shown; of those that are shown, while there is one."""
        entries = self.in_order(self.order(order))
        here = next((n for n, entry in enumerate(entries) if entry.file == file), 0)
        others = entries[here + 1 :] + entries[:here]
        waiting = [entry for entry in others if entry.waits_for_review]
        shown = [entry for entry in waiting if show is None or SHOWN[show](entry)]
        return next((entry.request for entry in [*shown, *waiting]), None)


def progress_of(batch: Batch) -> Progress:
    """Constant in queries, however many files there are."""
    rows = list(readings_of(batch).with_records())
    for row in rows:
        row.image.lesion.patient = batch.patient
    return told(batch, batch.files.standing().select_related("image__lesion"), rows)


def outline_of(batch: Batch) -> Progress:
    """The same of the columns alone by which readings are put in order: what is shown of them is
    read for one of five hundred."""
    files = batch.files.standing().only("batch", "name", "other_names", "image")
    return told(batch, files, readings_of(batch).only(*OUTLINE))


def filled(batch: Batch, entries: Iterable[Entry]) -> list[Entry]:
    """Some of the outline's with all that is shown of them. Constant in queries; without what
    went meanwhile."""
    files = batch.files.in_bulk([entry.file.pk for entry in entries])
    keys = [entry.request.pk for entry in entries if entry.request]
    readings = DiagnosisRequest.objects.with_records().in_bulk(keys)
    for row in readings.values():
        row.image.lesion.patient = batch.patient
    unread = {row.pk: row for row in readings.values() if row.status == Status.REJECTED}
    again = {} if batch.lesion_id else retaken_of(unread.values())
    retaken = {pk: again.get(row.image.lesion_id) for pk, row in unread.items()}

    def full(entry: Entry) -> Entry:
        key = entry.request and entry.request.pk
        return Entry(files[entry.file.pk], readings.get(key), retaken.get(key))

    return [full(entry) for entry in entries if entry.file.pk in files]


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


def told(
    batch: Batch, files: Iterable[BatchFile], readings: Iterable[DiagnosisRequest]
) -> Progress:
    """``readings`` are the oldest first."""
    counting: dict = {}
    for row in readings:
        before = counting.get(row.image_id)
        # a reading that is there counts until a newer one is
        if before is None or row.prediction_id or not before.prediction_id:
            counting[row.image_id] = row
    return Progress(batch, [Entry(file, counting.get(file.image_id)) for file in files])


def stage_of(batch: Batch) -> str:
    """Changes whenever a file or a reading of the batch does; two light queries."""
    rows = DiagnosisRequest.objects.standing().filter(image__batch_file__batch=batch)
    states = Counter(rows.values_list("status", flat=True))
    parts = [f"{state}{count}" for state, count in sorted(states.items())]
    others = list(batch.files.standing().values_list("other_names", flat=True))
    return f"{len(others)}-{sum(map(len, others))}-{'-'.join(parts)}"
