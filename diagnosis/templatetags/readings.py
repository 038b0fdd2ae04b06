"""How pages show a reading: filters that turn a request into what the doctor reads."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from clinic.measures import exact_percent
from diagnosis import interpretation
from diagnosis.failures import failure_message
from diagnosis.interpretation import Interpretation, Risk, Warning
from diagnosis.models import DiagnosisRequest, Status
from diagnosis.observed import Observed
from diagnosis.observed import observed as observed_in
from diagnosis.services.patient_records import Card
from diagnosis.warned import warnings_of

register = template.Library()
register.filter(exact_percent)


@register.filter
def reading(request: DiagnosisRequest | None) -> Interpretation | None:
    """The interpretation of the request's prediction; None before there is one, and for a lesion
    without a picture."""
    if request is None or request.prediction is None:
        return None
    prediction = request.prediction
    return interpretation.interpret(
        prediction.probabilities,
        prediction.malignancy_probability,
        request.thresholds,
        warnings_of(request),
    )


@dataclass(frozen=True)
class Danger:
    """How a lesion is marked on the body map, and why in words."""

    risk: Risk
    words: str


@register.filter
def danger(card: Card) -> Danger | None:
    """By what a person calls malignant or the pathologist cleared, else by the reading."""
    if card.finding and (card.called_malignant or card.cleared):
        risk = Risk.HIGH if card.called_malignant else Risk.LOW
        words = _("Histopathology: %(diagnosis)s")
        return Danger(risk, words % {"diagnosis": label_name(card.finding.diagnosis)})
    if card.called_malignant and card.conclusion:
        words = _("Doctor: %(diagnosis)s")
        return Danger(Risk.HIGH, words % {"diagnosis": label_name(card.conclusion.conclusion)})
    found = reading(card.request)
    return Danger(found.risk, found.risk_name) if found else None


@register.filter
def notices(request: DiagnosisRequest) -> list[Warning]:
    """What is wrong with the picture or with this model on it.

    Of a picture that was refused only what may have been the reason: better light makes no lesion.
    """
    found = warnings_of(request)
    if request.status == Status.REJECTED:
        return [warning for warning in found if warning.code == "colourless"]
    return found


@register.filter
def observed(request: DiagnosisRequest) -> Observed | None:
    """What test pictures with about the same malignancy turned out to be."""
    prediction = request.prediction
    if prediction is None:
        return None
    manifest = request.model_version.manifest
    return observed_in(manifest, prediction.malignancy_probability)


@register.filter
def is_unfamiliar(request: DiagnosisRequest) -> bool:
    """Whether the answer is about a picture unlike what the model has seen."""
    return any(notice.code == "unfamiliar" for notice in notices(request))


@register.filter
def label_name(label: str) -> str:
    return interpretation.label_name(label)


@register.filter
def names(labels: list[str]) -> str:
    """Classes as a list in words, the likeliest first."""
    return ", ".join(interpretation.label_name(label) for label in labels)


@register.filter
def failure(request: DiagnosisRequest) -> str:
    return failure_message(request.failure_code)


@register.filter
def percent(share: object) -> str:
    """A probability as a whole percentage that never claims certainty; a dash for none."""
    if not isinstance(share, (int, float)):
        return "–"
    if 0 < share < 0.005:
        return _("<1%")
    if 0.995 <= share < 1:
        return _(">99%")
    return _("%(number)d%%") % {"number": round(share * 100)}


@register.filter
def hundredths(share: float) -> str:
    """The share as the length of a bar of 100, with a point whatever the language."""
    return f"{min(max(share, 0), 1) * 100:.1f}"


@register.filter
def beside(values: Iterable[Any], names: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Each value after its name."""
    return list(zip(names, values, strict=True))


@register.filter
def age(moment: datetime.datetime) -> str:
    """How long ago, in the one largest unit."""
    if timezone.now() - moment < datetime.timedelta(minutes=1):
        return _("less than a minute")
    return timesince(moment, depth=1)


@register.filter
def days_away(day: datetime.date) -> str:
    """How far a day lies from today, before or after, in the one largest unit."""
    today = timezone.localdate()
    count = timesince if day < today else timeuntil
    return count(day, today, depth=1)
