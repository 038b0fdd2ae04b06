"""A diagnosis that was opened from the results of a batch: the way back, and on to the next."""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from clinic.permissions import may_review
from diagnosis.models import Batch, BatchFile, DiagnosisRequest
from diagnosis.progress import SHOWN, progress_of

ORDERS = ("name", "importance")


def view_of(asked: QueryDict) -> dict[str, str]:
    """Which results are shown and in which order, where the address says so."""
    known = {"show": SHOWN, "sort": ORDERS}
    return {name: asked[name] for name, values in known.items() if asked.get(name) in values}


def place_of(asked: QueryDict) -> dict[str, str]:
    """The view, and the page of it."""
    page = asked.get("page", "")
    return view_of(asked) | ({"page": page} if page.isdecimal() else {})


def query_of(view: dict[str, str]) -> str:
    return f"?{urlencode(view)}" if view else ""


def results_address(batch: UUID, view: dict[str, str]) -> str:
    return reverse("batch", args=[batch]) + query_of(view)


def batch_query(asked: QueryDict) -> str:
    """What leads back to the batch, for the addresses that follow; empty for who came otherwise."""
    return query_of({"batch": asked["batch"]} | view_of(asked)) if asked.get("batch") else ""


@dataclass(frozen=True)
class FromBatch:
    file: BatchFile
    view: dict[str, str]

    @property
    def query(self) -> str:
        """What a link to a diagnosis of the batch carries."""
        return query_of({"batch": str(self.file.batch_id)} | self.view)

    @property
    def address(self) -> str:
        """The results as they were left, at this picture."""
        at_picture = self.view | {"picture": str(self.file.pk)}
        return f"{results_address(self.file.batch_id, at_picture)}#shot-{self.file.pk}"

    def following(self) -> str | None:
        """The address of the batch's next reading to review."""
        view = {"show": self.view.get("show"), "order": self.view.get("sort")}
        found = progress_of(self.file.batch).next_to_review(self.file.pk, **view)
        return found and reverse("diagnosis", args=[found]) + self.query


def from_batch(request: HttpRequest, row: DiagnosisRequest) -> FromBatch | None:
    """None, without a query, for who came otherwise; None for a batch without this picture or
    another of its lesion, which was taken anew."""
    try:
        key = UUID(request.GET["batch"])
    except (KeyError, ValueError):
        return None
    batches = Batch.objects.visible_to(request.user).filter(pk=key)
    files = BatchFile.objects.filter(batch__in=batches).select_related("batch__patient")
    lesion = row.image.lesion_id
    file = files.filter(image=row.image_id).first() or files.filter(image__lesion=lesion).first()
    return file and FromBatch(file, view_of(request.GET))


def next_in_batch(
    request: HttpRequest, row: DiagnosisRequest, origin: FromBatch | None
) -> str | None:
    if origin is None or not may_review(request.user, row.hospital_id):
        return None
    return origin.following()
