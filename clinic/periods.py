"""A period of whole days, for reports and the audit log."""

import datetime
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import FieldError

# nothing happened beyond; there a midnight of another time zone may leave the calendar
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
            found &= Q(**{f"{field}__gte": midnight(known(self.start))})
        if self.end:
            found &= Q(**{f"{field}__lt": midnight(known(self.end) + datetime.timedelta(days=1))})
        return found


def known(day: datetime.date) -> datetime.date:
    return min(max(day, FIRST_DAY), LAST_DAY)


def midnight(day: datetime.date) -> datetime.datetime:
    """With which the day begins here."""
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))
