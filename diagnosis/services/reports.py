"""The hospital report: rows over many requests, and their totals."""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Sum
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from clinic.errors import FieldError
from clinic.models import Hospital, User
from clinic.periods import Period
from clinic.spreadsheets import safe_cell
from diagnosis.interpretation import RISK_NAMES, label_name
from diagnosis.models import DiagnosisRequest, Management, Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from ml.taxonomy import BY_ANSWER

ORDERING = ("-created_at", "id")
ALWAYS = Period()


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
    period: Period = ALWAYS,
    label: str = "",
    risk: str = "",
    reviewed: bool | None = None,
) -> DiagnosisRequestQuerySet:
    """The rows of the report, newest first: what the actor may see, filtered. Not yet evaluated."""
    rows = DiagnosisRequest.objects.visible_to(actor).filter(period.as_filter("created_at"))
    if hospital is not None:
        rows = rows.filter(hospital=hospital)
    if label:
        if label not in BY_ANSWER:
            raise FieldError("unknown_label", _("There is no such class."), field="label")
        rows = rows.filter(label=label)
    if risk:
        rows = rows.filter(risk=risk)
    if reviewed is not None:
        rows = rows.exclude(conclusion="") if reviewed else rows.filter(conclusion="")
    return rows.order_by(*ORDERING)


def totals(rows: DiagnosisRequestQuerySet) -> Totals:
    """The figures over all rows, in one query that a database reads from one index."""
    return totals_of(grouped(rows))


def grouped(rows: DiagnosisRequestQuerySet, **by: Any) -> Any:
    """Counts by state, class, conclusion and what ``by`` names, with the time to the answers."""
    groups = rows.order_by().values("status", "label", "conclusion", **by)
    return groups.annotate(n=Count("pk"), time=Sum(F("finished_at") - F("created_at")))


def totals_of(groups: Iterable[dict[str, Any]]) -> Totals:
    states: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    reviewed = agreed = 0
    time = datetime.timedelta()
    for group in groups:
        n, label, conclusion = group["n"], group["label"], group["conclusion"]
        states[group["status"]] += n
        reviewed += n if conclusion else 0
        # what was never read has neither class nor conclusion of a model to agree with
        agreed += n if conclusion and conclusion == label else 0
        if group["status"] == Status.SUCCEEDED:
            labels[label] += n
            time += group["time"]
    read = states.get(Status.SUCCEEDED, 0)
    return Totals(
        requests=sum(states.values()),
        by_status=dict(states),
        labels=dict(labels),
        reviewed=reviewed,
        agreed=agreed,
        seconds=time.total_seconds() / read if read else None,
    )


# the column of the file, and where its value comes from
CSV_SOURCES = {
    "request": "pk",
    "image": "image_id",
    "lesion": "image__lesion_id",
    "medical_record_number": "image__lesion__patient__medical_record_number",
    "hospital": "hospital__name",
    "requested_at": "created_at",
    "status": "status",
    "diagnosis": "label",
    "probability": "prediction__probability",
    "malignancy_probability": "prediction__malignancy_probability",
    "risk": "risk",
    "model": "model_version__name",
    "model_version": "model_version__version",
    "conclusion": "conclusion",
    "management": "signed_review__management",
    "signed_by": "signed_review__signed_by__username",
    "signer_given_name": "signed_review__signed_by__first_name",
    "signer_family_name": "signed_review__signed_by__last_name",
    "signed_at": "signed_review__signed_at",
}
SIGNER = ("signed_by", "signer_given_name", "signer_family_name")
CSV_COLUMNS = tuple(name for name in CSV_SOURCES if name not in ("model_version", *SIGNER[1:]))
CHUNK = 2000


def csv_rows(rows: DiagnosisRequestQuerySet, *, language: str | None = None) -> Iterator[list[str]]:
    """The header and a line a request, in words a person reads, of the language of now unless
    another is named; one query, streamed in chunks."""
    yield list(CSV_COLUMNS)
    with override(language or get_language()):
        words = csv_words()
    for values in rows.values_list(*CSV_SOURCES.values()).iterator(chunk_size=CHUNK):
        yield csv_row(dict(zip(CSV_SOURCES, values, strict=True)), words)


def csv_words() -> dict[str, dict[str, str]]:
    """What codes are called in the language of now; the caller looks them up once a file."""
    labels = {label: label_name(label) for label in BY_ANSWER}
    return {
        "status": {status.value: str(status.label) for status in Status},
        "diagnosis": labels,
        "risk": {risk.value: str(name) for risk, name in RISK_NAMES.items()},
        "conclusion": labels,
        "management": {entry.value: str(entry.label) for entry in Management},
    }


def csv_row(found: dict[str, Any], words: dict[str, dict[str, str]]) -> list[str]:
    cells = {name: known.get(found[name], "") for name, known in words.items()}
    cells |= {
        "requested_at": moment(found["requested_at"]),
        "probability": share(found["probability"]),
        "malignancy_probability": share(found["malignancy_probability"]),
        "model": f"{found['model']} {found['model_version']}",
        "signed_by": display_name(*(found[name] or "" for name in SIGNER)),
        "signed_at": moment(found["signed_at"]),
    }
    return [safe_cell(str(cells.get(name, found[name]))) for name in CSV_COLUMNS]


def display_name(username: str, given_name: str, family_name: str) -> str:
    return f"{given_name} {family_name}".strip() or username


def moment(at: datetime.datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
