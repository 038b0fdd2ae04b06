"""What every form shares: a service does the work, and what it refuses stands beside the field."""

import datetime
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic.errors import DomainError, FieldError, OvertakenError
from clinic.models import Hospital, User
from clinic.permissions import denied, hospital_ids

# a form with this field is drawn again, filled in, and nothing is stored of it
LOOK = "look"
NOT_TAKEN = {
    "old": _("The form was too old. Nothing was sent: look at it and send it again."),
    "signed_out": _("You had been signed out. Nothing was sent: look at it and send it again."),
}
# what templates/partials/form_errors.html puts into a form whose view can draw it again
COMES_BACK = "comes_back"
# nothing on the form can be put right: the whole page says so
NOT_THE_FORMS = (403, 404)


class WrongFirst(forms.BoundField):
    """The first wrong control takes the focus as the page opens. Of a group of tiles every one
    would: there static/js/forms.js chooses, as it does in what htmx swaps."""

    def build_widget_attrs(self, attrs: dict, widget: forms.Widget | None = None) -> dict:
        attrs = super().build_widget_attrs(attrs, widget)
        if self.errors and not self.use_fieldset and self.name == self.first_wrong():
            attrs["autofocus"] = True
        return attrs

    def first_wrong(self) -> str | None:
        return next((field.name for field in self.form.visible_fields() if field.errors), None)


class ServiceForm(forms.Form):
    """A form whose valid fields are handed to a service; ``status`` is the answer's HTTP status."""

    bound_field_class = WrongFirst

    @property
    def status(self) -> int:
        if not self.is_bound or self.is_valid():
            return 200
        return getattr(self, "refused", 400)

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and (why := self.data.get(LOOK)) in NOT_TAKEN:
            self.add_error(None, NOT_TAKEN[why])

    def submit(self, service: Callable[..., Any], **arguments: Any) -> Any:
        """The service's result, or None where it refused; its messages are then on the form."""
        try:
            return service(**arguments)
        except DomainError as error:
            if error.status in NOT_THE_FORMS:
                raise
            self.refuse(error)
            return None

    def refuse(self, error: DomainError) -> None:
        self.refused = error.status
        if isinstance(error, OvertakenError):
            # what stands there now is on the page that comes back: the next time it was seen
            self.data = self.data.copy()
            for name, value in {**error.now, "seen": error.seen}.items():
                self.data[name] = value
        for field, messages in (error.errors or {"__all__": [error.message]}).items():
            for message in messages:
                self.add_error(field if field in self.fields else None, message)


def rule(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """A service's rule about one value as a form's validator: what is wrong with several fields is
    said at once, and not that of the service only when every other field is right."""

    def validate(value: Any) -> None:
        try:
            check(value)
        except FieldError as error:
            raise ValidationError(error.message, code=error.code) from error

    return validate


def seen_field() -> forms.CharField:
    """Of a form that changes a record: what was seen of it (clinic/services/seen.py)."""
    return forms.CharField(required=False, widget=forms.HiddenInput)


class HospitalChoice(ServiceForm):
    """A form about one hospital at which the user may record; asked only where there are several.

    Raises DomainError (403) for a user who may record nowhere.
    """

    hospital = forms.ModelChoiceField(
        label=_("Hospital"), queryset=Hospital.objects.none(), empty_label=None
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        recordable = Hospital.objects.filter(pk__in=hospital_ids(user, "doctor", "integration"))
        self.hospitals = list(recordable)
        if not self.hospitals:
            raise denied(_("Only a doctor of a hospital may do this."))
        field = self.fields["hospital"]
        field.queryset = recordable
        if len(self.hospitals) == 1:
            field.required, field.widget = False, forms.HiddenInput()
            field.initial = self.hospitals[0].pk

    def clean_hospital(self) -> Hospital:
        return self.cleaned_data["hospital"] or self.hospitals[0]


class DateInput(forms.DateInput):
    """The browser's own date field."""

    input_type = "date"

    def __init__(self, attrs: dict | None = None) -> None:
        super().__init__(attrs=attrs, format="%Y-%m-%d")


class PastDateInput(DateInput):
    """Offers no day after today; the service checks it again."""

    def get_context(self, name: str, value: Any, attrs: dict | None) -> dict:
        return super().get_context(
            name, value, {**(attrs or {}), "max": timezone.localdate().isoformat()}
        )


class FutureDateInput(DateInput):
    """Offers no day before tomorrow; the service checks it again."""

    def get_context(self, name: str, value: Any, attrs: dict | None) -> dict:
        tomorrow = timezone.localdate() + datetime.timedelta(days=1)
        return super().get_context(name, value, {**(attrs or {}), "min": tomorrow.isoformat()})


def date_field(label: Any, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=PastDateInput(),
        error_messages={"invalid": _("Enter a date as year-month-day, such as 1961-04-30.")},
        **options,
    )


def optional(choices: list[tuple[str, Any]], empty: Any) -> list[tuple[str, Any]]:
    return [("", empty), *choices]


def changed(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The values of those names, for a service."""
    return {name: values[name] for name in names if name in values}
