"""What a doctor concludes."""

from typing import Any

from django import forms
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import FutureDateInput, ServiceForm, optional, rule, seen_field
from clinic.services.seen import seen_of
from diagnosis.interpretation import CHOICES, label_name
from diagnosis.models import DiagnosisRequest, Management, Review
from diagnosis.services.recalls import last_review, recall_elsewhere
from diagnosis.services.reviews import EDITABLE, MAXIMUM_NOTES, check_recall, is_unusual

ASKED = _(
    "You conclude “%(conclusion)s” with “%(management)s”. Press “Sign” once more if that is meant."
)

RECALL_ENDS = _(
    "This lesion is to be seen again on %(date)s. Signed without a day, that recall ends. Press "
    "“Sign” once more if that is meant."
)

CARRIED = _("As in the last review of this lesion, of %(date)s.")


class ReviewForm(ServiceForm):
    """Nothing is chosen beforehand: the doctor concludes, not the machine."""

    conclusion = forms.ChoiceField(
        label=_("Conclusion"),
        choices=optional(list(CHOICES.items()), _("Choose …")),
        error_messages={"required": _("Choose what you conclude.")},
    )
    management = forms.ChoiceField(
        label=_("Management"),
        choices=Management.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what is to be done.")},
    )
    recall_on = forms.DateField(
        label=_("Recall on"),
        required=False,
        validators=[rule(check_recall)],
        widget=FutureDateInput(),
        error_messages={"invalid": _("Enter a date as year-month-day, such as 2027-04-30.")},
    )
    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=MAXIMUM_NOTES,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    # the signed review that the doctor has seen
    amends = forms.UUIDField(required=False, widget=forms.HiddenInput)
    # the draft that the doctor has seen
    seen = seen_field()
    # what the doctor was asked about
    meant = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, request: DiagnosisRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean(self) -> dict[str, Any]:
        """What may be a slip is asked about once, before it is signed."""
        values = super().clean() or self.cleaned_data
        asked = self.questions(values) if "sign" in self.data else {}
        meant = values.get("meant", "").split(",")
        if any(key not in meant for key in asked):
            self.data = self.data.copy()
            self.data["meant"] = ",".join(asked)
            for key, (field, message) in asked.items():
                if key not in meant:
                    self.add_error(field, message)
        return values

    def questions(self, values: dict[str, Any]) -> dict[str, tuple[str, str]]:
        """The field and the words of each, by what it is about."""
        found: dict[str, tuple[str, str]] = {}
        conclusion, management = values.get("conclusion"), values.get("management")
        # a slip of the finger between four tiles
        if is_unusual(conclusion, management):
            said = {
                "conclusion": label_name(str(conclusion)),
                "management": Management(management).label,
            }
            found[f"{conclusion} {management}"] = ("management", ASKED % said)
        if "recall_on" in values and values["recall_on"] is None:
            day = recall_elsewhere(self.request)
            if day is not None:
                found[f"recall {day}"] = ("recall_on", RECALL_ENDS % {"date": day.isoformat()})
        return found

    @classmethod
    def of(cls, request: DiagnosisRequest) -> "ReviewForm":
        """Filled with the draft, or with the signed review that would be amended; and with the
        recall of the lesion's last review, whose place this one takes."""
        signed, draft = signed_review(request), draft_review(request)
        source = draft or signed
        initial: dict[str, Any] = {
            "amends": signed.pk if signed else None,
            "seen": seen_of(draft or Review(), EDITABLE),
        }
        if source is not None:
            initial |= {
                "conclusion": source.conclusion,
                "management": source.management,
                "recall_on": source.recall_on,
                "notes": source.notes,
            }
        form = cls(initial=initial, request=request)
        last = None if draft else last_review(request.image.lesion)
        if last is not None and last != signed:
            form.carry(last)
        return form

    def carry(self, last: Review) -> None:
        """Offer the day of the lesion's last review, so that nobody loses the follow-up by a second
        photograph or by a correction of an older review."""
        self.initial.pop("recall_on", None)
        if last.recall_on is not None and last.recall_on > localdate():
            self.initial["recall_on"] = last.recall_on
            date = localtime(last.signed_at).date().isoformat()
            self.fields["recall_on"].help_text = CARRIED % {"date": date}

    def has_seen(self, request: DiagnosisRequest) -> None:
        """Name what stands on the page with this form, which had been refused."""
        signed = signed_review(request)
        self.data = self.data.copy()
        self.data["amends"] = "" if signed is None else str(signed.pk)
        self.data["seen"] = seen_of(draft_review(request) or Review(), EDITABLE)


def signed_review(request: DiagnosisRequest) -> Review | None:
    """The signed review that counts."""
    review = request.review
    return review if review is not None and review.is_signed else None


def draft_review(request: DiagnosisRequest) -> Review | None:
    return next((review for review in request.reviews.all() if not review.is_signed), None)
