"""What a doctor concludes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import ServiceForm, optional
from diagnosis.interpretation import LABEL_NAMES
from diagnosis.models import DiagnosisRequest, Management, Review
from diagnosis.services.reviews import MAXIMUM_NOTES


class ReviewForm(ServiceForm):
    """Nothing is chosen beforehand: the doctor concludes, not the machine."""

    conclusion = forms.ChoiceField(
        label=_("Conclusion"),
        choices=optional(list(LABEL_NAMES.items()), _("Choose …")),
        error_messages={"required": _("Choose what you conclude.")},
    )
    management = forms.ChoiceField(
        label=_("Management"),
        choices=Management.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what is to be done.")},
    )
    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=MAXIMUM_NOTES,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    # the signed review that the doctor has seen
    amends = forms.UUIDField(required=False, widget=forms.HiddenInput)

    @classmethod
    def of(cls, request: DiagnosisRequest) -> "ReviewForm":
        """Filled with the draft, or with the signed review that would be amended."""
        signed, draft = signed_review(request), draft_review(request)
        source = draft or signed
        initial: dict[str, Any] = {"amends": signed.pk if signed else None}
        if source is not None:
            initial |= {
                "conclusion": source.conclusion,
                "management": source.management,
                "notes": source.notes,
            }
        return cls(initial=initial)

    def has_seen(self, signed: Review | None) -> None:
        """Name the signed review that stands on the page with this form, which had been refused."""
        self.data = self.data.copy()
        self.data["amends"] = "" if signed is None else str(signed.pk)


def signed_review(request: DiagnosisRequest) -> Review | None:
    """The signed review that counts."""
    review = request.review
    return review if review is not None and review.is_signed else None


def draft_review(request: DiagnosisRequest) -> Review | None:
    return next((review for review in request.reviews.all() if not review.is_signed), None)
