"""Fields of a lesion."""

from functools import partial
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from clinic.body_map import find_place, find_region
from clinic.forms.base import ServiceForm, changed, date_field, rule, seen_field
from clinic.measures import entered
from clinic.models import Lesion
from clinic.services.fields import check_not_in_future
from clinic.services.lesions import EDITABLE
from clinic.services.seen import seen_of
from clinic.vocabulary import AnatomSite, BodyView, Laterality

# the size of the figure in templates/body_map/field.html, in pixels
TAPPED_WIDTH, TAPPED_HEIGHT = 120, 300


def place_values(view: BodyView, x: float, y: float) -> dict[str, Any]:
    """A place as the values of PlaceFields, with the site and the side that it lies on."""
    site, side = find_place(view, x, y) or (None, None)
    return {
        "body_view": view.value,
        "body_x": round(x, 4),
        "body_y": round(y, 4),
        "anatom_site": site,
        "laterality": side,
    }


def asked_place(query: QueryDict) -> dict[str, Any]:
    """The place of ?view=&x=&y=, with which the patient's page opens the form; {} for none."""
    try:
        view, x, y = BodyView(query["view"]), float(query["x"]), float(query["y"])
    except (KeyError, ValueError):
        return {}
    return place_values(view, x, y) if 0 <= x <= 1 and 0 <= y <= 1 else {}


class PlaceFields(ServiceForm):
    """Where a lesion is, as tiles that take one tap."""

    anatom_site = forms.ChoiceField(
        label=_("Anatomical site"),
        required=False,
        choices=AnatomSite.choices,
        widget=forms.RadioSelect,
    )
    laterality = forms.ChoiceField(
        label=_("Side"), required=False, choices=Laterality.choices, widget=forms.RadioSelect
    )
    body_view = forms.ChoiceField(
        required=False, choices=[("", ""), *BodyView.choices], widget=forms.HiddenInput
    )
    body_x = forms.FloatField(required=False, widget=forms.HiddenInput)
    body_y = forms.FloatField(required=False, widget=forms.HiddenInput)

    @classmethod
    def tapped(cls, data: QueryDict) -> dict[str, Any] | None:
        """What was typed, with what a tap on the figure says; None where nobody tapped.

        For browsers without scripts, which send a tap on <input type="image" name="front"> as
        front.x and front.y, in pixels of the picture, and 0, 0 where a key pressed the button.
        """
        for view in BodyView:
            try:
                x = int(data[f"{view.value}.x"]) / TAPPED_WIDTH
                y = int(data[f"{view.value}.y"]) / TAPPED_HEIGHT
            except (KeyError, ValueError, OverflowError):
                continue
            if find_region(view, x, y):
                return data.dict() | place_values(view, x, y)
        return None


class SizeForm(ServiceForm):
    """The lesion's size on one picture."""

    diameter_mm = forms.DecimalField(
        label=_("Largest diameter (mm)"), required=False, max_digits=5, decimal_places=2
    )


class LesionForm(PlaceFields):
    label = forms.CharField(
        label=_("Label"),
        required=False,
        max_length=100,
        help_text=_("How you call it, such as “mole above the navel”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    diameter_mm = forms.DecimalField(
        label=_("Diameter (mm)"), required=False, max_digits=5, decimal_places=2
    )
    first_noticed = date_field(
        _("First noticed"), validators=[rule(partial(check_not_in_future, field="first_noticed"))]
    )
    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    seen = seen_field()
    field_order = ["anatom_site", "laterality", "label"]

    @classmethod
    def values_of(cls, lesion: Lesion) -> dict[str, Any]:
        values = {name: getattr(lesion, name) for name in EDITABLE}
        if lesion.diameter_mm is not None:
            values["diameter_mm"] = entered(lesion.diameter_mm)
        return values | {"seen": seen_of(lesion, EDITABLE)}

    @property
    def values(self) -> dict[str, Any]:
        return changed(self.cleaned_data, EDITABLE)
