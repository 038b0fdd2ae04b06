"""What a hospital sets for its readings."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import ServiceForm, seen_field
from clinic.services.seen import seen_of
from diagnosis.interpretation import ACTION_WORDS, Action
from diagnosis.models import HospitalSettings
from diagnosis.models.settings import LONGEST_ALARM_HOURS, WORDS_LENGTH
from diagnosis.services.settings import EDITABLE


class PercentField(forms.FloatField):
    """A share from 0 to 1, written in percent as readings show it."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value * 100:g}" if isinstance(value, float) else value

    def clean(self, value: Any) -> float | None:
        found = super().clean(value)
        return None if found is None else round(found / 100, 6)


def band_field(label: Any) -> PercentField:
    return PercentField(
        label=label,
        required=False,
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )


def words_field(action: Action) -> forms.CharField:
    return forms.CharField(
        label=ACTION_NAMES[action],
        required=False,
        max_length=WORDS_LENGTH,
        help_text=ACTION_WORDS[action],
    )


ACTION_NAMES = {
    Action.NONE: _("No action"),
    Action.MONITOR: _("Monitor"),
    Action.DERMATOLOGIST: _("Dermatologist"),
    Action.URGENT: _("Urgent"),
}


class SettingsForm(ServiceForm):
    alarm_hours = forms.IntegerField(
        label=_("Alarm after (hours)"),
        min_value=1,
        max_value=LONGEST_ALARM_HOURS,
        help_text=_(
            "A high-risk reading that no doctor has signed after so many hours raises an alarm on "
            "the worklist."
        ),
    )
    monitor_from = band_field(_("Monitor from (%)"))
    dermatologist_from = band_field(_("Dermatologist from (%)"))
    urgent_from = band_field(_("Urgent from (%)"))
    words_none = words_field(Action.NONE)
    words_monitor = words_field(Action.MONITOR)
    words_dermatologist = words_field(Action.DERMATOLOGIST)
    words_urgent = words_field(Action.URGENT)
    seen = seen_field()

    @classmethod
    def of(cls, found: HospitalSettings, data: Any = None) -> "SettingsForm":
        values = {name: getattr(found, name) for name in EDITABLE}
        return cls(data, initial=values | {"seen": seen_of(found, EDITABLE)})

    @property
    def bands(self) -> list[forms.BoundField]:
        return [self[name] for name in ("monitor_from", "dermatologist_from", "urgent_from")]

    @property
    def words(self) -> list[forms.BoundField]:
        return [self[f"words_{action.value}"] for action in Action]
