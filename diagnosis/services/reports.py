"""The hospital report: rows over many requests, and their totals."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Avg, Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import FieldError
from clinic.models import Hospital, User
from diagnosis.interpretation import label_name
from diagnosis.models import DiagnosisRequest, Review, Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from ml.taxonomy import BY_ANSWER

# nothing was ordered beyond; there a midnight of another time zone may leave the calendar
FIRST_DAY, LAST_DAY = datetime.date(1900, 1, 1), datetime.date(2999, 12, 31)


@dataclass(frozen=True)
class Period:
    """Whole days in the server's time zone, both included; None is open."""

    start: datetime.date | None = None
    end: datetime.date | None = None

    def __post_init__(self) -> None:
        if self.start and self.end and self.start > self.end:
            raise FieldError("period_reversed", _("The period ends before it begins."), field="to")

    def as_filter(self, field: str) -> Q:
        found = Q()
        if self.start:
            found &= Q(**{f"{field}__gte": _midnight(_known(self.start))})
        if self.end:
            found &= Q(**{f"{field}__lt": _midnight(_known(self.end) + datetime.timedelta(days=1))})
        return found


@dataclass(frozen=True)
class Totals:
    """``labels`` counts readings by the model's class, ``agreed`` signed reviews that conclude
    the same class; ``seconds`` is the mean time from order to answer, None without answers."""

    requests: int
    by_status: dict[str, int]
    labels: dict[str, int]
    reviewed: int
    agreed: int
    seconds: float | None


def hospital_report(
    *,
    actor: User,
    hospital: Hospital | None = None,
    period: Period = Period(),
    label: str = "",
    reviewed: bool | None = None,
) -> DiagnosisRequestQuerySet:
    """The rows of the report, newest first: what the actor may see, filtered. Not yet evaluated."""
    rows = DiagnosisRequest.objects.visible_to(actor).filter(period.as_filter("created_at"))
    if hospital is not None:
        rows = rows.filter(hospital=hospital)
    if label:
        if label not in BY_ANSWER:
            raise FieldError("unknown_label", _("There is no such class."), field="label")
        rows = rows.filter(prediction__label=label)
    if reviewed is not None:
        rows = rows.filter(Exists(signed_reviews()) if reviewed else ~Exists(signed_reviews()))
    return rows.order_by("-created_at", "id")


def signed_reviews() -> QuerySet[Review]:
    """The signed review that counts, of the outer request."""
    return Review.objects.filter(
        request=OuterRef("pk"), signed_at__isnull=False, amended_by__isnull=True
    )


def totals(rows: DiagnosisRequestQuerySet) -> Totals:
    """The figures over all rows, in four queries."""
    rows = rows.order_by()
    states = dict(rows.values_list("status").annotate(n=Count("pk")))
    labels = dict(
        rows.filter(status=Status.SUCCEEDED)
        .values_list("prediction__label")
        .annotate(n=Count("pk"))
    )
    current = Q(reviews__signed_at__isnull=False, reviews__amended_by__isnull=True)
    figures = rows.aggregate(
        reviewed=Count("pk", filter=current, distinct=True),
        agreed=Count(
            "pk", filter=current & Q(reviews__conclusion=F("prediction__label")), distinct=True
        ),
    )
    answered = rows.filter(status=Status.SUCCEEDED)
    mean = answered.aggregate(mean=Avg(F("finished_at") - F("created_at")))["mean"]
    return Totals(
        requests=sum(states.values()),
        by_status=states,
        labels=labels,
        reviewed=figures["reviewed"],
        agreed=figures["agreed"],
        seconds=None if mean is None else mean.total_seconds(),
    )


CSV_COLUMNS = (
    "request",
    "image",
    "lesion",
    "medical_record_number",
    "hospital",
    "requested_at",
    "status",
    "diagnosis",
    "probability",
    "malignancy_probability",
    "model",
    "conclusion",
    "management",
    "signed_by",
    "signed_at",
)


def csv_rows(rows: DiagnosisRequestQuerySet) -> Iterator[list[str]]:
    """The header and a line a request, in words a person reads; streams in chunks."""
    yield list(CSV_COLUMNS)
    for request in rows.with_names().iterator(chunk_size=500):
        yield [safe_cell(cell) for cell in csv_row(request)]


def csv_row(request: DiagnosisRequest) -> list[str]:
    prediction, review = request.prediction, request.review
    signed = review if review is not None and review.is_signed else None
    signer = signed.signed_by if signed is not None else None
    return [
        str(request.pk),
        str(request.image_id),
        str(request.image.lesion_id),
        request.image.lesion.patient.medical_record_number,
        request.hospital.name,
        request.created_at.isoformat(timespec="seconds"),
        str(request.get_status_display()),
        label_name(prediction.label) if prediction else "",
        f"{prediction.probability:.4f}" if prediction else "",
        f"{prediction.malignancy_probability:.4f}" if prediction else "",
        str(request.model_version),
        label_name(signed.conclusion) if signed else "",
        str(signed.get_management_display()) if signed else "",
        signer.display_name if signer else "",
        signed.signed_at.isoformat(timespec="seconds") if signed and signed.signed_at else "",
    ]


def safe_cell(text: str) -> str:
    """A cell that a spreadsheet would run as a formula gets a quote in front (OWASP).

    Some spreadsheets cut blanks away before they look.
    """
    risky = text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(("=", "+", "-", "@"))
    return f"'{text}" if risky else text


def _known(day: datetime.date) -> datetime.date:
    return min(max(day, FIRST_DAY), LAST_DAY)


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))
